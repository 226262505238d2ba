"""Runs a trained completion network in one piece, with its arrays alone: without Flax."""

from collections.abc import Mapping
from typing import Any

import jax
from jax import lax
from jaxtyping import Array, Float

from glcic_jax.layers.convolution import convolution, deconvolution
from glcic_jax.layers.ops import NORM_EPSILON
from glcic_jax.layers.smooth_fill import smooth_fill
from glcic_jax.methods.completion import fill_any_size
from glcic_jax.methods.glcic.completing import View
from glcic_jax.methods.glcic.table2 import (
    DECONVOLUTION,
    OUTPUTS,
    STRIDE,
    Form,
    layers,
    shortcuts,
)
from glcic_jax.types import Image, Mask, NetworkState

Variables = Mapping[str, Any]
"""The parameters or the running statistics of a network."""


def whole_previews(
    form: Form, view: View, network: NetworkState, image: Image, mask: Mask
) -> dict[str, Image]:
    """Returns the raw output and the completed pictures, as `previews` of a Method.

    Args:
      form: describes the network.
      view: makes its input.
      network: its parameters and running statistics.
      image: RGB in [0, 1], of any size.
      mask: 1 = hole.
    """

    def fill(image: Image, mask: Mask) -> Image:
        filled = smooth_fill(image, mask) if form.adds else None
        output = run_whole(form, network.params, network.batch_stats, view(image, mask, filled))
        return output if filled is None else filled + output

    return fill_any_size(fill, image, mask, STRIDE)


def run_whole(
    form: Form, params: Variables, batch_stats: Variables, x: Float[Array, "b h w 4"]
) -> Image:
    """Does what CompletionNetwork does in inference, bit for bit.

    Args:
      form: describes the network; the arithmetic is float32.
      params: of the network.
      batch_stats: of the network; empty if it has no batch norm.
      x: as `completion_input` makes it; h and w are multiples of STRIDE.
    """
    outputs: dict[str, Array] = {}
    added = shortcuts(form.dilated_layers) if form.adds else {}
    for name, (kind, _, options) in layers(form.dilated_layers).items():
        own = params[f"layer{name}"]
        x = _deconvolved(own, x) if kind == DECONVOLUTION else _convolved(own["conv"], x, **options)
        norm = params.get(f"norm{name}"), batch_stats.get(f"norm{name}")
        x = _normed(form, *norm, x)
        if name in added:
            x = x + outputs[added[name]]
        outputs[name] = x
    return OUTPUTS[form.output](_convolved(params["layer17"]["conv"], x))


def _convolved(
    own: Variables, x: Array, kernel: int = 3, stride: int = 1, dilation: int = 1
) -> Array:
    del kernel  # its array knows
    return convolution(x, own["kernel"], stride, dilation) + own["bias"]


def _deconvolved(own: Variables, x: Array) -> Array:
    return deconvolution(x, own["kernel"]) + own["bias"]


def _normed(form: Form, params: Variables | None, stats: Variables | None, x: Array) -> Array:
    """Applies batch norm by running statistics, and ReLU, in the network's order."""
    if params is None or stats is None:
        return jax.nn.relu(x)
    x = jax.nn.relu(x) if form.relu_first else x
    own, seen = params["norm"], stats["norm"]
    x = (x - seen["mean"]) * (lax.rsqrt(seen["var"] + NORM_EPSILON) * own["scale"]) + own["bias"]
    return x if form.relu_first else jax.nn.relu(x)
