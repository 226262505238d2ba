"""Converts GLCIC's completion network from and to the names of PyTorch programs.

The programs' networks also differ in their arithmetic.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from glcic_jax.convert.mmagic_discriminator import from_mmagic
from glcic_jax.convert.pytorch_layout import NORM_PARTS, from_torch, shape_text, to_torch
from glcic_jax.methods.glcic.table2 import DILATED
from glcic_jax.runtime.errors import UserError
from glcic_jax.weights.glcic import (
    DECONVOLUTIONS,
    LAYERS,
    CompletionWeights,
    completion_shapes,
    kernel_name,
)
from glcic_jax.weights.trained import Rgb, Tensors

BLACK, GREY = (0.0, 0.0, 0.0), (0.5, 0.5, 0.5)


class Dialect(NamedTuple):
    """Describes how one program names the layers, and the arithmetic of its network.

    Attributes:
      conv: returns the name of layer 1 to 17.
      norm: returns the name of the batch norm after layer 1 to 16.
      relu_first: as in CompletionWeights.
      output: as in CompletionWeights.
      scale: as in CompletionWeights.
      conv_bias: whether convolutions before batch norm have a bias.
      mean: the use of the mean pixel: "subtracted", with 0 in the hole; "filled" into the hole
        only; or "none", with pictures in [-1, 1].
    """

    conv: Callable[[int], str]
    norm: Callable[[int], str]
    relu_first: bool = False
    output: str = "sigmoid"
    scale: float = 1.0
    conv_bias: bool = True
    mean: str = "subtracted"

    @property
    def first(self) -> str:
        """Returns the name of a tensor that only this program's files hold."""
        return f"{self.conv(1)}.weight"

    def names(self) -> dict[str, str]:
        """Returns our names by the program's."""
        names = {}
        for number in LAYERS:
            last = number == LAYERS[-1]
            kernel = kernel_name(number)
            names[f"{self.conv(number)}.weight"] = kernel
            if self.conv_bias or last:
                names[f"{self.conv(number)}.bias"] = kernel.replace("kernel", "bias")
            for own, theirs in NORM_PARTS.items() if not last else ():
                names[f"{self.norm(number)}.{theirs}"] = f"norm{number}.norm.{own}"
        return names


def _mmagic(number: int) -> str:
    if number <= 6:
        return f"generator.encoder.enc{number}"
    if number <= 10:
        return f"generator.dilation_neck.dilation_convs.{number - 7}"
    return f"generator.decoder.dec{number - 10}"


DIALECTS = {
    "nn.Sequential": Dialect(lambda n: f"{3 * n - 3}", lambda n: f"{3 * n - 2}"),
    "GLCIC-PyTorch": Dialect(
        lambda n: f"deconv{n}" if n in DECONVOLUTIONS else f"conv{n}",
        lambda n: f"bn{n}",
        relu_first=True,
        mean="filled",
    ),
    "MMagic": Dialect(
        lambda n: f"{_mmagic(n)}.conv",
        lambda n: f"{_mmagic(n)}.bn",
        output="clip",
        scale=2.0,
        conv_bias=False,
        mean="none",
    ),
}
"""The programs whose files are known. The first is a plain chain in the paper's order, as the
authors have it: convolution, batch norm and ReLU sixteen times, convolution, sigmoid."""


def from_state_dict(state: Tensors, mean_pixel: Rgb | None, source: str) -> CompletionWeights:
    """Returns the completion network of a PyTorch program's state dict.

    Args:
      state: arrays by name; the names show the program.
      mean_pixel: the mean of the training pictures, RGB in [0, 1], which most files do not hold.
      source: the file, for messages.

    Raises:
      UserError: it is another network, holds values that are not finite, or a mean pixel is missing
        or not wanted.
    """
    title = next((t for t, d in DIALECTS.items() if d.first in state), None)
    if title is None:
        found = ", ".join(list(state)[:3]) or "nothing"
        wanted = ", ".join(f"{d.first} ({t})" for t, d in DIALECTS.items())
        raise UserError(
            f"{source}: not a GLCIC completion network: expected one of {wanted}; "
            f"found {found:.120}"
        )
    dialect = DIALECTS[title]
    if mean_pixel is None and dialect.mean != "none":
        raise UserError(
            f"{source}: {title} files do not hold the mean pixel that the network was trained "
            'with: give --mean-pixel R,G,B in 0 to 1 (GLCIC-PyTorch: "mpv" of its config.json)'
        )
    if mean_pixel is not None and dialect.mean == "none":
        raise UserError(f"{source}: {title}'s network has no mean pixel: leave --mean-pixel out")
    colour = mean_pixel or GREY
    return CompletionWeights(
        tensors=_tensors(state, title, source),
        relu_first=dialect.relu_first,
        output=dialect.output,
        mean_pixel=BLACK if dialect.mean == "filled" else colour,
        scale=dialect.scale,
        fill_pixel=colour if dialect.mean == "filled" else BLACK,
        source=f"{Path(source).name} ({title})",
        discriminator=from_mmagic(state, source) if title == "MMagic" else {},
    )


def to_state_dict(weights: CompletionWeights) -> tuple[str, Tensors]:
    """Converts the other way: returns the program's title, and arrays by its names.

    Raises:
      UserError: no known program has a network of the same arithmetic.
    """
    if weights.dilated_layers > DILATED:
        raise UserError(
            f"no PyTorch program is known whose network has {weights.dilated_layers} dilated "
            "layers: write .safetensors, .onnx or .stablehlo"
        )
    ours = (weights.relu_first, weights.output, weights.scale, weights.norm)
    fitting = []
    for title, dialect in DIALECTS.items():
        unused = weights.mean_pixel if dialect.mean == "filled" else weights.fill_pixel
        theirs = (dialect.relu_first, dialect.output, dialect.scale, True)
        if ours == theirs and unused == BLACK:
            fitting.append(title)
    if not fitting:
        raise UserError(
            "no PyTorch program is known whose network computes as this one: leave --fold out"
        )
    dialect = DIALECTS[fitting[0]]
    tensors = dict(weights.tensors)
    if not dialect.conv_bias:  # batch norm takes them over
        for number in LAYERS[:-1]:
            bias = tensors[kernel_name(number).replace("kernel", "bias")]
            tensors[f"norm{number}.norm.mean"] = tensors[f"norm{number}.norm.mean"] - bias
    return fitting[0], to_torch(tensors, dialect.names())


def _tensors(state: Tensors, title: str, source: str) -> Tensors:
    """Returns our tensors, float32, after checking that theirs are a completion network's."""
    dialect = DIALECTS[title]
    first = state[dialect.first]
    width = len(first) if first.ndim else 0
    if first.shape != (width, 4, 5, 5) or width % 2:
        raise UserError(
            f"{source}: {dialect.first} is {shape_text(first.shape)}, expected Wx4x5x5 with an "
            "even width W: RGB and mask in, 5x5 taps"
        )
    if title == "MMagic":  # the file holds the discriminator too
        state = {name: t for name, t in state.items() if name.startswith("generator.")}
    network = f"a completion network of width {width} ({title})"
    return from_torch(state, dialect.names(), completion_shapes(width), network, source)
