"""Measures pictures for AmbientGAN: hides parts of them, as its discriminator sees them."""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from glcic_jax.layers.ops import composite
from glcic_jax.methods.losses import gradient_penalty
from glcic_jax.runtime.devices import DATA, own_share
from glcic_jax.types import Image, Mask


class Measurement(NamedTuple):
    """Holds what D sees: pictures in [0, 1] and the holes in them."""

    image: Image
    mask: Mask


def measure(image: Image, mask: Mask) -> Measurement:
    """Hides the pixels in the hole: they turn white, as in the data."""
    return Measurement(jnp.where(mask > 0, 1.0, image), mask)


def paint(real: Measurement, output: Image, noise: Image | None) -> Image:
    """Fills the holes of measured pictures with C's output.

    Args:
      real: the measured pictures.
      output: C's raw output for them.
      noise: added to what C painted, or None. Known pixels carry their measurement's noise already.
    """
    if noise is not None:
        output = jnp.clip(output + noise, 0, 1)
    return composite(real.image, output, real.mask)


def measured_penalty(
    judge: Callable[[Measurement], Float[Array, "b"]],
    real: Measurement,
    painted: Image,
    share: Float[Array, "b 1 1 1"],
) -> Float[Array, ""]:
    """Returns the gradient penalty between measured pictures and completed ones of the batch.

    A completed picture gets the hole of the measured one that it is compared with, and D's slope is
    that over pixels alone. With holes at different places, a slope over the holes would satisfy the
    penalty, and D would be free over what it shall judge. Only inside shard_map.

    Args:
      judge: D: one value for each picture, which it must judge by itself.
      real: the measured pictures.
      painted: the same ones completed, not measured again. Each is compared with the next one.
      share: see `gradient_penalty`.
    """
    other = measure(_neighbours(painted), real.mask)
    return gradient_penalty(
        lambda image: judge(Measurement(image, real.mask)), real.image, other.image, share
    )


def _neighbours(rows: Array) -> Array:
    """Returns for each row the one before it in the global batch, for the first one the last.

    So a picture gets the same other picture, however many devices share the batch.
    """
    return own_share(jnp.roll(lax.all_gather(rows, DATA, tiled=True), 1, axis=0))
