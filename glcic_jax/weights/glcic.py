"""A trained network with all that running it takes, whatever file it is from or for; GLCIC's."""

from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import optax
from flax.traverse_util import flatten_dict, unflatten_dict

from glcic_jax.methods.glcic.completion_network import CompletionNetwork
from glcic_jax.methods.glcic.networks import GlcicNetworks
from glcic_jax.types import Method, NetworkState, TrainState, UserError

Rgb = tuple[float, float, float]

Tensors = dict[str, np.ndarray]
"""Arrays by their path in the network's trees: "layer1.conv.kernel", "norm1.norm.mean"."""

LAYERS = range(1, 18)
DECONVOLUTIONS = (13, 15)
STATISTICS = ("mean", "var")
EPSILON = 1e-5
"""What batch norm adds to the variance."""

DTYPES = {
    "float32": np.dtype(np.float32),
    "float16": np.dtype(np.float16),
    "bfloat16": np.dtype(ml_dtypes.bfloat16),
}
"""In which weights are stored; arithmetic is float32 always."""


@dataclass(frozen=True, kw_only=True)
class Weights:
    """A trained network that completes, ready to be run or written.

    Attributes:
      tensors: float32.
      mean_pixel: RGB in [0, 1] that the network sees as 0.
      step: updates that the network has had; 0 if the file does not say.
      source: what it was read from, for people.
      run: the config of the training run, if it was one of ours.
      scores: measured on held-out pictures of that run, by name.
      discriminator: tensors of a discriminator that came along, or none.
    """

    tensors: Tensors
    mean_pixel: Rgb
    step: int = 0
    source: str = ""
    run: dict[str, Any] | None = None
    scores: dict[str, float] = field(default_factory=dict)
    discriminator: Tensors = field(default_factory=dict)

    @property
    def hole_colour(self) -> Rgb:
        """RGB in [0, 1] of a picture that looks to the network as its holes do."""
        return self.mean_pixel

    @property
    def count(self) -> int:
        """Of parameters."""
        return sum(t.size for name, t in self.tensors.items() if not name.endswith(STATISTICS))


@dataclass(frozen=True, kw_only=True)
class CompletionWeights(Weights):
    """A trained completion network of GLCIC.

    Attributes:
      tensors: float32; their names and shapes are those of `expected(width, norm)`.
      relu_first, output: as in CompletionNetwork.
      mean_pixel, scale, fill_pixel: as in `completion_input`.
    """

    relu_first: bool = False
    output: str = "sigmoid"
    scale: float = 1.0
    fill_pixel: Rgb = (0.0, 0.0, 0.0)

    @property
    def width(self) -> int:
        """Channels of the first layer."""
        return self.tensors["layer1.conv.kernel"].shape[-1]

    @property
    def norm(self) -> bool:
        """Whether batch norm is there, not folded."""
        return "norm1.norm.mean" in self.tensors

    @property
    def hole_colour(self) -> Rgb:
        """RGB in [0, 1] of a picture that looks to the network as its holes do."""
        red, green, blue = (
            mean + fill / self.scale
            for mean, fill in zip(self.mean_pixel, self.fill_pixel, strict=True)
        )
        return red, green, blue

    def __str__(self) -> str:
        order = "batch norm folded" if not self.norm else "batch norm, then ReLU"
        order = "ReLU, then batch norm" if self.relu_first else order
        return f"GLCIC completion network of width {self.width}, {self.count:,} parameters, {order}"


def kernel_name(number: int) -> str:
    """Of the kernel of layer 1 to 17, [kh, kw, in, out]; a deconvolution's is [4, 4, out, in]."""
    return f"layer{number}.kernel" if number in DECONVOLUTIONS else f"layer{number}.conv.kernel"


@cache
def expected(width: int, norm: bool = True) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the tensors of a completion network.

    Args:
      width: even.
      norm: False if batch norm is folded into the convolutions.
    """
    module = CompletionNetwork(train=False, width=width, norm=norm)
    x = jax.ShapeDtypeStruct((1, 8, 8, 4), jnp.float32)
    variables = jax.eval_shape(module.init, jax.random.key(0), x)
    return {name: leaf.shape for name, leaf in flat(variables).items()}


def flat(variables: Any) -> dict[str, Any]:
    """The leaves of a network's "params" and "batch_stats" by path, whose names do not meet."""
    leaves = {}
    for tree in variables.values():
        leaves |= flatten_dict(tree, sep=".")
    return leaves


def trees(tensors: Tensors) -> tuple[Any, Any]:
    """The way back from `flat`: (params, batch_stats)."""
    params, batch_stats = {}, {}
    for name, tensor in tensors.items():
        (batch_stats if name.endswith(STATISTICS) else params)[name] = tensor
    return unflatten_dict(params, sep="."), unflatten_dict(batch_stats, sep=".")


def method_of(weights: CompletionWeights) -> tuple[Method, TrainState]:
    """A method that only completes, and its state."""
    networks = GlcicNetworks(
        completion=partial(
            CompletionNetwork,
            width=weights.width,
            relu_first=weights.relu_first,
            norm=weights.norm,
            output=weights.output,
        ),
        discriminator=None,
        crop=0,
        local_patch=0,
        optimizer=optax.identity(),
        mean_pixel=weights.mean_pixel,
        scale=weights.scale,
        fill_pixel=weights.fill_pixel,
    )
    method = Method(
        init=networks.init,
        phases=(),
        complete=networks.complete,
        previews=networks.previews,
        networks=("completion",),
        reach=networks.reach,
        alignment=networks.alignment,
    )
    params, batch_stats = jax.tree.map(jnp.asarray, trees(weights.tensors))
    network = NetworkState(params, batch_stats, opt_state=None)
    return method, TrainState(jnp.asarray(weights.step, jnp.int32), {"completion": network})


def fold(weights: CompletionWeights) -> CompletionWeights:
    """Batch norm multiplied and added into the convolutions before it: equal to rounding.

    Raises:
      UserError: batch norm follows ReLU, or is folded already.
    """
    if not weights.norm:
        raise UserError("batch norm is folded already: leave --fold away")
    if weights.relu_first:
        raise UserError(
            "batch norm follows ReLU in this network, so no convolution can take it up: "
            "leave --fold away"
        )
    tensors = {name: t.astype(np.float64) for name, t in weights.tensors.items()}
    for number in LAYERS[:-1]:
        norm = {part: tensors.pop(f"norm{number}.norm.{part}") for part in ("scale", "bias")}
        mean, var = (tensors.pop(f"norm{number}.norm.{part}") for part in STATISTICS)
        gain = norm["scale"] / np.sqrt(var + EPSILON)
        name = kernel_name(number)
        bias = name.replace("kernel", "bias")
        tensors[name] *= gain[:, None] if number in DECONVOLUTIONS else gain
        tensors[bias] = (tensors[bias] - mean) * gain + norm["bias"]
    return replace(weights, tensors={n: t.astype(np.float32) for n, t in tensors.items()})


def stored(tensors: Tensors, dtype: str) -> Tensors:
    """The tensors in the dtype of a file.

    Args:
      tensors: of any floating dtype.
      dtype: a key of DTYPES.

    Raises:
      UserError: a value that float16 cannot hold.
    """
    cast = {}
    for name, tensor in tensors.items():
        with np.errstate(over="ignore"):
            cast[name] = tensor.astype(DTYPES[dtype])
        if not np.isfinite(cast[name].astype(np.float32)).all():
            raise UserError(f"{name} holds values beyond {dtype}: choose --dtype bfloat16")
    return cast
