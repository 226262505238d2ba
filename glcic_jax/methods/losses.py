"""Computes losses that several methods share.

They are GLCIC's (Iizuka et al. 2017, section 3.4), those of Wasserstein GANs, and a perceptual one.
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from glcic_jax.layers.precision import widened
from glcic_jax.types import Image, Mask

Features = Sequence[Float[Array, "b h w c"]]
"""Features of one network, finest first. Sizes and channels differ."""


def masked_mse(output: Image, target: Image, mask: Mask) -> Float[Array, ""]:
    """Returns the mean squared error over the hole only: eq. (2).

    The mean runs over all b*h*w*3 values, known ones included, as in Torch7's criterion. So a
    smaller hole gives a smaller loss. The paper writes a sum over the picture, but with a sum the
    adversarial term, weighted by alpha (section 3.4), would vanish.

    Args:
      output: the network's raw output, float32, in [0, 1] or a little beyond.
      target: the uncut pictures, in [0, 1].
      mask: 1 = hole.
    """
    return jnp.mean(jnp.square(mask * (output - target)))


def masked_l1(output: Image, target: Image, mask: Mask) -> Float[Array, ""]:
    """Returns the mean absolute error over the hole only, a mean over all values as in masked_mse.

    Args:
      output: the network's raw output, float32, in [0, 1] or a little beyond.
      target: the uncut pictures, in [0, 1].
      mask: 1 = hole.
    """
    return jnp.mean(jnp.abs(mask * (output - target)))


def perceptual_loss(features: Features, target: Features) -> Float[Array, ""]:
    """Returns the mean absolute difference of features, summed over layers.

    The source is Liu et al., ECCV 2018, eq. (3), each of whose terms this is.
    """
    pairs = zip(features, target, strict=True)
    distances = (jnp.mean(jnp.abs(widened(a) - widened(b))) for a, b in pairs)
    return sum(distances, start=jnp.zeros(()))


def discriminator_loss(
    real_logits: Float[Array, "b"], completed_logits: Float[Array, "b"]
) -> Float[Array, ""]:
    """Returns the binary cross entropy, real -> 1 and completed -> 0: algorithm 1, line 8.

    The means of the two terms are added. The weight alpha of the second term in eq. (4) belongs to
    the completion network's step and is not applied here.
    """
    return jnp.mean(jax.nn.softplus(-real_logits)) + jnp.mean(jax.nn.softplus(completed_logits))


def non_saturating_loss(completed_logits: Float[Array, "b"]) -> Float[Array, ""]:
    """Returns the mean of -log D(completed): the completion network's default adversarial term."""
    return jnp.mean(jax.nn.softplus(-completed_logits))


def saturating_loss(completed_logits: Float[Array, "b"]) -> Float[Array, ""]:
    """Returns the mean of log(1 - D(completed)): the adversarial term of eq. (5).

    Its gradient vanishes where the discriminator is sure, which it is everywhere after phase 2.
    """
    return -jnp.mean(jax.nn.softplus(completed_logits))


ADVERSARIAL_LOSSES = {"non_saturating": non_saturating_loss, "saturating": saturating_loss}
"""GLCIC's adversarial terms, by the names that `adversarial.loss` of the config may have."""


def critic_loss(
    real_values: Float[Array, "b"], completed_values: Float[Array, "b"]
) -> Float[Array, ""]:
    """Returns minus the Wasserstein distance that a critic finds (Arjovsky et al. 2017)."""
    return jnp.mean(completed_values) - jnp.mean(real_values)


def wasserstein_loss(completed_values: Float[Array, "b"]) -> Float[Array, ""]:
    """Returns the mean of -D(completed): the completion network's term against a critic."""
    return -jnp.mean(completed_values)


def gradient_penalty(
    judge: Callable[[Float[Array, "b h w c"]], Float[Array, "b"]],
    real: Float[Array, "b h w c"],
    completed: Float[Array, "b h w c"],
    share: Float[Array, "b 1 1 1"],
) -> Float[Array, ""]:
    """Returns the mean of (|D's gradient| - 1)^2 between real and completed pictures.

    This is the penalty of Gulrajani et al. 2017.

    Args:
      judge: D. It must judge each picture by itself, so it may not have batch norm.
      real: all that D sees of real pictures, stacked as channels.
      completed: all that D sees of completed pictures, likewise.
      share: share of `real` in the point between the two where the gradient is taken, random and
        uniform in [0, 1], one for each picture.
    """
    between = share * real + (1 - share) * completed
    gradients = jax.grad(lambda x: jnp.sum(judge(x)))(between)
    # The constant is there because the root of 0 has no gradient.
    lengths = jnp.sqrt(jnp.sum(jnp.square(gradients), axis=(1, 2, 3)) + 1e-12)
    return jnp.mean(jnp.square(lengths - 1))


def r1_penalty(
    judge: Callable[[Float[Array, "b h w c"]], Float[Array, "b"]], real: Float[Array, "b h w c"]
) -> Float[Array, ""]:
    """Returns the mean of |D's gradient|^2 at real pictures (Mescheder et al. 2018, eq. (9)).

    The paper weighs it by gamma / 2.

    Args:
      judge: D: one number for each picture. It must judge each picture by itself, so it may not
        have batch norm.
      real: all that D sees of real pictures; several inputs are stacked as channels.
    """
    gradients = jax.grad(lambda x: jnp.sum(judge(x)))(real)
    return jnp.mean(jnp.sum(jnp.square(gradients), axis=(1, 2, 3)))
