"""The losses of GLCIC (Iizuka et al. 2017, section 3.4), and those of Wasserstein GANs."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from glcic_jax.types import Image, Mask


def masked_mse(output: Image, target: Image, mask: Mask) -> Float[Array, ""]:
    """Mean squared error over the hole only: eq. (2).

    The mean runs over all b*h*w*3 values, known ones included, as Torch7's criterion does; so a
    smaller hole gives a smaller loss. The paper writes a sum over the picture. With a sum the
    adversarial term, weighted by 4e-4, would vanish beside it.

    Args:
      output: the completion network's raw output, float32 in [0, 1].
      target: the uncut pictures, same range.
      mask: 1 = hole.
    """
    return jnp.mean(jnp.square(mask * (output - target)))


def discriminator_loss(
    real_logits: Float[Array, "b"], completed_logits: Float[Array, "b"]
) -> Float[Array, ""]:
    """Binary cross entropy, real -> 1 and completed -> 0, the two means added: algorithm 1, line 8.

    The weight alpha that eq. (4) puts before the second term belongs to the completion network's
    step and is not applied here.
    """
    return jnp.mean(jax.nn.softplus(-real_logits)) + jnp.mean(jax.nn.softplus(completed_logits))


def non_saturating_loss(completed_logits: Float[Array, "b"]) -> Float[Array, ""]:
    """-log D(completed), averaged: the completion network's adversarial term, by default."""
    return jnp.mean(jax.nn.softplus(-completed_logits))


def saturating_loss(completed_logits: Float[Array, "b"]) -> Float[Array, ""]:
    """log(1 - D(completed)), averaged: the term as eq. (5) has it.

    Its gradient vanishes where the discriminator is sure, which after phase 2 is everywhere.
    """
    return -jnp.mean(jax.nn.softplus(completed_logits))


ADVERSARIAL_LOSSES = {"non_saturating": non_saturating_loss, "saturating": saturating_loss}


def critic_loss(
    real_values: Float[Array, "b"], completed_values: Float[Array, "b"]
) -> Float[Array, ""]:
    """Minus the Wasserstein distance that a critic makes out (Arjovsky, Chintala, Bottou 2017)."""
    return jnp.mean(completed_values) - jnp.mean(real_values)


def wasserstein_loss(completed_values: Float[Array, "b"]) -> Float[Array, ""]:
    """-D(completed), averaged: the completion network's term against a critic."""
    return -jnp.mean(completed_values)


def gradient_penalty(
    judge: Callable[[Float[Array, "b h w c"]], Float[Array, "b"]],
    real: Float[Array, "b h w c"],
    completed: Float[Array, "b h w c"],
    share: Float[Array, "b 1 1 1"],
) -> Float[Array, ""]:
    """(|D's gradient| - 1)^2 between real and completed, averaged (Gulrajani et al. 2017).

    Args:
      judge: D, which must judge each picture apart: no batch norm.
      real: all that D sees of a picture, stacked as channels.
      completed: likewise.
      share: of `real` in the point looked at, uniform in [0, 1], drawn for each picture.
    """
    between = share * real + (1 - share) * completed
    gradients = jax.grad(lambda x: jnp.sum(judge(x)))(between)
    # The constant: the root of 0 has no gradient.
    lengths = jnp.sqrt(jnp.sum(jnp.square(gradients), axis=(1, 2, 3)) + 1e-12)
    return jnp.mean(jnp.square(lengths - 1))
