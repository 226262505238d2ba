"""Computes the losses of partial convolution (Liu et al., ECCV 2018, section 3.3).

Every norm is a mean over all values of the batch, known ones included. L_hole and the
perceptual term are in methods/losses.py, since other methods have them too.
"""

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from glcic_jax.layers.precision import widened
from glcic_jax.methods.losses import Features
from glcic_jax.types import Image, Mask


def valid_loss(output: Image, target: Image, mask: Mask) -> Float[Array, ""]:
    """Returns the mean absolute error of the raw output at known pixels: L_valid."""
    return jnp.mean(jnp.abs((1 - mask) * (output - target)))


def style_loss(features: Features, target: Features) -> Float[Array, ""]:
    """Returns the mean absolute difference of Gram matrices, summed over layers: eqs. (4), (5)."""
    pairs = zip(features, target, strict=True)
    return _total(jnp.mean(jnp.abs(gram(a) - gram(b))) for a, b in pairs)


def gram(features: Float[Array, "b h w c"]) -> Float[Array, "b c c"]:
    """Returns the products of all pairs of channels, summed over pixels, / (c * h * w), float32."""
    x = widened(features)
    return jnp.einsum("bhwi,bhwj->bij", x, x) / (x.shape[1] * x.shape[2] * x.shape[3])


def total_variation_loss(completed: Image, mask: Mask) -> Float[Array, ""]:
    """Returns absolute differences of neighbours in the hole and one pixel around it: eq. (6).

    A pair counts if both pixels lie in that region. The sum is divided by the number of all values.

    Args:
      completed: RGB in [0, 1]: the output in the hole, the picture around it.
      mask: 1 = hole.
    """
    window, pads = (1, 3, 3, 1), ((0, 0), (1, 1), (1, 1), (0, 0))
    region = lax.reduce_window(
        lax.stop_gradient(mask), -jnp.inf, lax.max, window, (1, 1, 1, 1), pads
    )
    across = jnp.abs(jnp.diff(completed, axis=2)) * region[:, :, 1:] * region[:, :, :-1]
    down = jnp.abs(jnp.diff(completed, axis=1)) * region[:, 1:] * region[:, :-1]
    return (across.sum() + down.sum()) / completed.size


def _total(values) -> Float[Array, ""]:
    return sum(values, start=jnp.zeros(()))
