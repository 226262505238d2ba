"""Converts the network of pytorch-inpainting-with-partial-conv (naoto0804, GitHub).

Its arithmetic differs from ours in ways that other weights can make up for, so no option is needed:

- It divides by the number of known values in the window; the paper also multiplies by the window's
  size. So kernels are divided by that size here.
- Its pictures are centred at ImageNet's mean and divided by ImageNet's deviation, at input and
  output. So the deviation is multiplied into the first kernel, and into the parts of the last one
  that read the picture and make the output.
- Only its last convolution has a bias. The other biases here are 0.

Its masks are 1 where pixels are known, and have three equal channels. In both networks the padding
counts as hole. Its pictures must have multiples of 2**levels pixels.
"""

from pathlib import Path

import numpy as np

from glcic_jax.convert.pytorch_layout import NORM_PARTS, from_torch, shape_text, to_torch
from glcic_jax.methods.partial_conv.form_names import PAPER
from glcic_jax.runtime.errors import UserError
from glcic_jax.weights.partial_conv import PartialWeights, unet_shapes
from glcic_jax.weights.trained import Tensors

TITLE = "pytorch-inpainting-with-partial-conv"
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""ImageNet's mean and deviation, by which the program normalises its pictures."""

FIRST = "enc_1.conv.input_conv.weight"
"""Name of a tensor that only this program's files hold."""

MASK = ".conv.mask_conv.weight"
"""Ending of the names of kernels of ones, which count the known values."""


def from_state_dict(state: Tensors, source: str) -> PartialWeights:
    """Returns the partial-convolution network of that program's state dict.

    Args:
      state: arrays by name; FIRST is one of them.
      source: the file, for messages.

    Raises:
      UserError: it is another network, or holds values that are not finite.
    """
    first = state[FIRST]
    width = len(first) if first.ndim else 0
    levels = sum(f"enc_{level}.conv.input_conv.weight" in state for level in range(1, 9))
    if not width or levels < 2:
        raise UserError(
            f"{source}: {FIRST} is {shape_text(first.shape)}, expected Wx3x7x7, and enc_2 to be "
            "there"
        )
    for name, kernel in state.items():
        if name.endswith(MASK) and not np.all(kernel == 1):
            raise UserError(f"{source}: {name} is not all 1, so it does not count known values")
    own = {name: tensor for name, tensor in state.items() if not name.endswith(MASK)}
    names = {
        theirs: ours
        for theirs, ours in _names(levels).items()
        if theirs in own or not theirs.endswith("input_conv.bias")
    }
    network = f"a partial-convolution network of width {width} and {levels} levels"
    tensors = from_torch(own, names, unet_shapes(width, levels), network, source)
    return PartialWeights(
        tensors=_scaled(tensors, 1),
        mean_pixel=MEAN,
        source=f"{Path(source).name} ({TITLE})",
    )


def to_state_dict(weights: PartialWeights) -> tuple[str, Tensors]:
    """Converts the other way: returns the program's title, and arrays by its names.

    The result is the same up to rounding.

    Raises:
      UserError: the program's network cannot compute the same.
    """
    if weights.form != PAPER:
        raise UserError(f"{TITLE} has no {weights}: choose another kind of file")
    if not np.allclose(weights.mean_pixel, MEAN):
        raise UserError(
            f"{TITLE} centres pictures at ImageNet's mean, this network was trained at another: "
            "choose another kind of file"
        )
    if weights.tensors["encode1.bias"].any():
        raise UserError(
            f"{TITLE} has no bias in the first layer, this network has one: choose another kind of "
            "file"
        )
    tensors = _scaled(weights.tensors, -1)
    names = _names(weights.levels)
    for theirs, ours in list(names.items()):
        if theirs.endswith("input_conv.bias") and ours != "decode1.bias":
            del names[theirs]
            if ours != "encode1.bias":  # batch norm takes it over
                mean = ours.replace("code", "code_norm").replace("bias", "mean")
                tensors[mean] = tensors[mean] - tensors[ours]
    state = to_torch(tensors, names)
    ones = {
        name.replace("input_conv", "mask_conv"): np.ones_like(kernel)
        for name, kernel in state.items()
        if name.endswith("input_conv.weight")
    }
    return TITLE, state | ones


def _names(levels: int) -> dict[str, str]:
    """Returns our names by theirs, including biases that most convolutions there lack."""
    names = {}
    for side, ours in (("enc", "encode"), ("dec", "decode")):
        for level in range(1, levels + 1):
            for theirs, own in (("weight", "kernel"), ("bias", "bias")):
                names[f"{side}_{level}.conv.input_conv.{theirs}"] = f"{ours}{level}.{own}"
            for own, theirs in NORM_PARTS.items() if level > 1 else ():
                names[f"{side}_{level}.bn.{theirs}"] = f"{ours}_norm{level}.{own}"
    return names


def _scaled(tensors: Tensors, power: int) -> Tensors:
    """Multiplies window sizes and the deviation into the kernels; power -1 takes them out again."""
    deviation = np.asarray(DEVIATION)
    scaled = {name: tensor.astype(np.float64) for name, tensor in tensors.items()}
    for name, kernel in scaled.items():
        if name.endswith(".kernel"):
            scaled[name] = kernel / np.float64(np.prod(kernel.shape[:3])) ** power
    scaled["encode1.kernel"] = scaled["encode1.kernel"] / deviation[:, None] ** power
    last = scaled["decode1.kernel"] * deviation**power
    last[:, :, -3:] /= deviation[:, None] ** power  # the picture comes after the features
    scaled["decode1.kernel"] = last
    scaled["decode1.bias"] = scaled["decode1.bias"] * deviation**power
    return {name: tensor.astype(np.float32) for name, tensor in scaled.items()}
