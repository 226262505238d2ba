"""Computes AlexNet's features, for perceptual distances, as plain functions of given weights.

The features are the outputs of the five rectifiers, as in LPIPS (Zhang et al. 2018) and in its
shift-tolerant variant (Ghildyal and Liu 2022).
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from glcic_jax.types import Image

Layer = tuple[Float[Array, "h w i o"], Float[Array, "o"]]
"""A convolution's kernel and bias."""

Features = Float[Array, "b h w c"]

PADDING = (2, 2, 1, 1, 1)
"""Zero padding of each convolution, pixels."""

POOLED_BEFORE = (1, 2)
"""Layers, counted from 0, before which the maxima of 3 x 3 pixels are taken."""

SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
"""What LPIPS (Zhang et al. 2018) subtracts from RGB in [-1, 1], and then divides it by."""


def alexnet(layers: Sequence[Layer], image: Image) -> list[Features]:
    """Returns the features of normalised pictures, finest first."""
    features, x = [], image
    for index, (kernel, bias) in enumerate(layers):
        if index in POOLED_BEFORE:
            x = _max_pool(x, stride=2)
        stride = 1 if index else 4
        x = jax.nn.relu(_convolve(x, kernel, stride, PADDING[index]) + bias)
        features.append(x)
    return features


def shift_tolerant_alexnet(layers: Sequence[Layer], image: Image) -> list[Features]:
    """Returns the features of an AlexNet that blurs wherever AlexNet skips pixels, finest first.

    All strides are 1. The first layer blurs before its rectifier. Pictures are mirrored by two
    pixels at their edges before each blur.
    """
    features, x = [], image
    for index, (kernel, bias) in enumerate(layers):
        if index in POOLED_BEFORE:
            x = _blur_pool(_max_pool(x, stride=1))
        x = _convolve(x, kernel, 1, PADDING[index]) + bias
        x = jax.nn.relu(x if index else _blur_pool(x))
        features.append(x)
    return features


def normalised(image: Image) -> Image:
    """Turns RGB in [0, 1] into what the networks were trained with."""
    return (2 * image - 1 - jnp.array(SHIFT)) / jnp.array(SCALE)


def distance(
    weights: Sequence[Float[Array, "c"]], first: Sequence[Features], second: Sequence[Features]
) -> Float[Array, "b"]:
    """Returns LPIPS: weighted squared differences of features of length 1 over their channels.

    Args:
      weights: weights of the channels, for each layer.
      first: features of some pictures.
      second: features of other pictures of the same size.
    """
    total = jnp.zeros(len(first[0]))
    for a, b, weight in zip(first, second, weights, strict=True):
        total += jnp.mean(jnp.square(_unit(a) - _unit(b)) @ weight, axis=(1, 2))
    return total


def _unit(x: Features) -> Features:
    return x / (jnp.sqrt(jnp.sum(jnp.square(x), axis=-1, keepdims=True)) + 1e-10)


def _convolve(x: Features, kernel: Array, stride: int, padding: int) -> Features:
    return lax.conv_general_dilated(
        x,
        kernel,
        (stride, stride),
        ((padding, padding), (padding, padding)),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )


def _max_pool(x: Features, stride: int) -> Features:
    window, strides = (1, 3, 3, 1), (1, stride, stride, 1)
    return lax.reduce_window(x, -jnp.inf, lax.max, window, strides, "VALID")


def _blur_pool(x: Features) -> Features:
    """Blurs by (1, 2, 1) / 4 along rows and columns, and keeps every second pixel."""
    x = jnp.pad(x, ((0, 0), (2, 2), (2, 2), (0, 0)), mode="reflect")
    for axis in (1, 2):
        left, middle, right = (
            lax.slice_in_dim(x, start, x.shape[axis] - 2 + start, 2, axis) for start in range(3)
        )
        x = (left + 2 * middle + right) / 4
    return x
