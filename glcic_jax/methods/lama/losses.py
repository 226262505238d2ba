"""Computes LaMa's losses (Suvorov et al., WACV 2022, section 2.2), with the release's means."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from glcic_jax.layers.precision import widened
from glcic_jax.types import Image, Mask

Logits = Float[Array, "b p q 1"]
"""One number for each patch, above 0 where it looks real."""


def known_loss(output: Image, target: Image, mask: Mask) -> Float[Array, ""]:
    """Returns the mean absolute error of the raw output at known pixels, over all values.

    It is the release's; the paper does not mention it. In holes there is no such error: a mean over
    what could be there is a blur.
    """
    return jnp.mean((1 - mask) * jnp.abs(output - target))


def feature_distance(features: Sequence[Array], target: Sequence[Array]) -> list[Float[Array, ""]]:
    """Returns the mean squared difference of each pair of features."""
    pairs = zip(features, target, strict=True)
    return [jnp.mean(jnp.square(widened(a) - widened(b))) for a, b in pairs]


def feature_matching_loss(features: Sequence[Array], target: Sequence[Array]) -> Float[Array, ""]:
    """Returns the mean over layers of the distances of a discriminator's features: L_DiscPL."""
    distances = feature_distance(features, target)
    return sum(distances, start=jnp.zeros(())) / len(distances)


def receptive_field_loss(features: Sequence[Array], target: Sequence[Array]) -> Float[Array, ""]:
    """Returns the sum over layers of the distances of a fixed network's features: L_HRFPL, eq. (1).

    The name is for a network that sees far. VGG16, in its place, does not.
    """
    return sum(feature_distance(features, target), start=jnp.zeros(()))


def patches_loss(real: Logits, completed: Logits, mask: Mask) -> Float[Array, ""]:
    """Returns the discriminator's loss: eqs. (2) and (4).

    Only patches in holes count as completed. Known patches of the completed picture count as real.

    Args:
      real: of the uncut pictures.
      completed: of the generator's raw output.
      mask: 1 = hole, at the pictures' size; a patch is in a hole if its nearest pixel is.
    """
    hole = nearest(mask, completed.shape[1:3])
    fake = hole * jax.nn.softplus(completed) + (1 - hole) * jax.nn.softplus(-completed)
    return jnp.mean(jax.nn.softplus(-real)) + jnp.mean(fake)


def nearest(mask: Mask, size: tuple[int, ...]) -> Float[Array, "b p q 1"]:
    """Scales masks to another height and width by taking single pixels, as PyTorch does."""
    rows, columns = (
        jnp.arange(wanted) * given // wanted
        for wanted, given in zip(size, mask.shape[1:3], strict=True)
    )
    return mask[:, rows][:, :, columns]
