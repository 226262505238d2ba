"""Computes the features of FID's Inception-v3, as a plain function of given weights.

It is TensorFlow's graph of 2015-12-05, by which FID is defined (Heusel et al. 2017), as ported by
pytorch-fid. It is not torchvision's inception_v3 (Szegedy et al. 2016), although the tensors have
the same names: its weights differ, means over 3 x 3 leave out what lies beyond the border, the last
block takes maxima in place of means, and the classifier has 1,008 classes.
"""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from glcic_jax.types import Image

INPUT = 299
"""Edge of the pictures that the network was trained on, pixels."""

FEATURE_COUNT = 2048
"""Number of features of a picture."""

CLASSES = 1008
"""Classes of the classifier, which is not run. No other Inception-v3 has that many."""

EPSILON = 1e-3
"""Added to variances by batch norm."""

Weights = Mapping[str, Float[Array, "..."]]
"""Weights by PyTorch's names; kernels are [o, i, h, w]."""


def inception_v3(weights: Weights, image: Image) -> Float[Array, "b 2048"]:
    """Returns the features before the classifier, averaged over all places.

    Args:
      weights: a state dict of pytorch-fid's network. The classifier's are not read. Layers are as
        wide as the weights.
      image: RGB in [0, 1], 299 x 299. Any size from 75 x 75 on works.
    """
    x = 2 * image - 1
    x = _convolve(weights, "Conv2d_1a_3x3", x, 2, "VALID")
    x = _convolve(weights, "Conv2d_2a_3x3", x, 1, "VALID")
    x = _max_pool(_convolve(weights, "Conv2d_2b_3x3", x), 2, "VALID")
    x = _convolve(weights, "Conv2d_3b_1x1", x)
    x = _max_pool(_convolve(weights, "Conv2d_4a_3x3", x, 1, "VALID"), 2, "VALID")
    for block in ("Mixed_5b", "Mixed_5c", "Mixed_5d"):
        x = _mixed_5(weights, block, x)
    x = _mixed_6a(weights, "Mixed_6a", x)
    for block in ("Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"):
        x = _mixed_6(weights, block, x)
    x = _mixed_7a(weights, "Mixed_7a", x)
    x = _mixed_7(weights, "Mixed_7b", x, _mean_pool(x))
    x = _mixed_7(weights, "Mixed_7c", x, _max_pool(x, 1, "SAME"))
    return jnp.mean(x, axis=(1, 2))


def _mixed_5(weights: Weights, block: str, x: Array) -> Array:
    branches = [
        _chain(weights, block, x, "branch1x1"),
        _chain(weights, block, x, "branch5x5_1", "branch5x5_2"),
        _chain(weights, block, x, "branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3"),
        _chain(weights, block, _mean_pool(x), "branch_pool"),
    ]
    return jnp.concatenate(branches, axis=-1)


def _mixed_6a(weights: Weights, block: str, x: Array) -> Array:
    deep = _chain(weights, block, x, "branch3x3dbl_1", "branch3x3dbl_2")
    branches = [
        _convolve(weights, f"{block}.branch3x3", x, 2, "VALID"),
        _convolve(weights, f"{block}.branch3x3dbl_3", deep, 2, "VALID"),
        _max_pool(x, 2, "VALID"),
    ]
    return jnp.concatenate(branches, axis=-1)


def _mixed_6(weights: Weights, block: str, x: Array) -> Array:
    deep = [f"branch7x7dbl_{i}" for i in range(1, 6)]
    branches = [
        _chain(weights, block, x, "branch1x1"),
        _chain(weights, block, x, "branch7x7_1", "branch7x7_2", "branch7x7_3"),
        _chain(weights, block, x, *deep),
        _chain(weights, block, _mean_pool(x), "branch_pool"),
    ]
    return jnp.concatenate(branches, axis=-1)


def _mixed_7a(weights: Weights, block: str, x: Array) -> Array:
    flat = _chain(weights, block, x, "branch3x3_1")
    deep = _chain(weights, block, x, "branch7x7x3_1", "branch7x7x3_2", "branch7x7x3_3")
    branches = [
        _convolve(weights, f"{block}.branch3x3_2", flat, 2, "VALID"),
        _convolve(weights, f"{block}.branch7x7x3_4", deep, 2, "VALID"),
        _max_pool(x, 2, "VALID"),
    ]
    return jnp.concatenate(branches, axis=-1)


def _mixed_7(weights: Weights, block: str, x: Array, pooled: Array) -> Array:
    flat = _chain(weights, block, x, "branch3x3_1")
    deep = _chain(weights, block, x, "branch3x3dbl_1", "branch3x3dbl_2")
    branches = [
        _chain(weights, block, x, "branch1x1"),
        _chain(weights, block, flat, "branch3x3_2a"),
        _chain(weights, block, flat, "branch3x3_2b"),
        _chain(weights, block, deep, "branch3x3dbl_3a"),
        _chain(weights, block, deep, "branch3x3dbl_3b"),
        _chain(weights, block, pooled, "branch_pool"),
    ]
    return jnp.concatenate(branches, axis=-1)


def _chain(weights: Weights, block: str, x: Array, *layers: str) -> Array:
    for layer in layers:
        x = _convolve(weights, f"{block}.{layer}", x)
    return x


def _convolve(
    weights: Weights, name: str, x: Array, stride: int = 1, padding: str = "SAME"
) -> Array:
    """Convolves without bias, then normalises by running statistics and rectifies."""
    x = lax.conv_general_dilated(
        x,
        jnp.transpose(weights[f"{name}.conv.weight"], (2, 3, 1, 0)),
        (stride, stride),
        padding,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        precision=lax.Precision.HIGHEST,  # by default GPUs round to 10 bits, which FID would show
    )
    scale = weights[f"{name}.bn.weight"] / jnp.sqrt(weights[f"{name}.bn.running_var"] + EPSILON)
    shift = weights[f"{name}.bn.bias"] - weights[f"{name}.bn.running_mean"] * scale
    return jax.nn.relu(x * scale + shift)


def _max_pool(x: Array, stride: int, padding: str) -> Array:
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 3, 3, 1), (1, stride, stride, 1), padding)


def _mean_pool(x: Array) -> Array:
    """Takes the mean of 3 x 3 pixels, of those inside: 4 in a corner, 6 at a border."""
    for axis in (1, 2):
        size = x.shape[axis]
        padded = jnp.pad(x, [(int(axis == a), int(axis == a)) for a in range(4)])
        x = sum(
            (lax.slice_in_dim(padded, i, i + size, axis=axis) for i in range(1, 3)),
            start=lax.slice_in_dim(padded, 0, size, axis=axis),
        )
        count = np.minimum(np.arange(size), 1) + np.minimum(np.arange(size)[::-1], 1) + 1
        x = x / jnp.expand_dims(jnp.asarray(count, x.dtype), [a for a in range(4) if a != axis])
    return x
