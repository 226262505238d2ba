"""Searches a generator's latent vectors for a completion (Yeh et al. 2017, section 3)."""

import logging
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import lax
from jaxtyping import Array, Float, PRNGKeyArray

from glcic_jax.types import Image, Mask

log = logging.getLogger(__name__)

LOG_EVERY = 100
"""Steps between two lines of progress in the log."""

Latents = Float[Array, "b n"]


class Search(NamedTuple):
    """Holds the settings of a search.

    Attributes:
      latent: numbers in a latent vector, each in [-1, 1].
      steps: steps of gradient descent with Nesterov's momentum.
      starts: random latent vectors per picture from which searches start, all at once.
      learning_rate: step size, for a loss that is a sum over pixels.
      momentum: share of the last step that the next one keeps.
      prior_weight: weight of the discriminator's term, lambda.
      window: edge in pixels of the neighbourhood whose missing share weighs a known pixel.
      log_progress: whether to log a line every LOG_EVERY steps, at level INFO.
    """

    latent: int
    steps: int
    starts: int
    learning_rate: float
    momentum: float
    prior_weight: float
    window: int
    log_progress: bool = True


def contextual_weight(mask: Mask, window: int) -> Mask:
    """Returns W of Yeh et al.: the share of missing pixels around each known one, 0 in the hole.

    Args:
      mask: 1 = hole.
      window: edge in pixels of the square that is looked at, odd. What lies beyond the picture does
        not count as missing.
    """
    edges = (1, window, window, 1)
    missing = lax.reduce_window(mask, 0.0, lax.add, edges, (1, 1, 1, 1), "SAME")
    return jnp.where(mask > 0, 0.0, missing / window**2)


def search(
    generate: Callable[[Latents], Image],
    judge: Callable[[Image], Float[Array, "b"]],
    image: Image,
    mask: Mask,
    key: PRNGKeyArray,
    settings: Search,
) -> Image:
    """Returns the generator's pictures that fit best around the holes, by one compiled loop.

    Minimises sum |W * (G(z) - image)| - prior_weight * log D(G(z)) over z, with G(z) and `image` in
    [-1, 1] as in the original, and keeps the best of each picture's starts. All pictures start from
    the same vectors, so that what is found for one does not depend on the others.

    Args:
      generate: makes pictures in [0, 1] from latent vectors, each by itself.
      judge: returns logits of such pictures, above 0 for real ones, each by itself.
      image: RGB in [0, 1]. The hole's contents are never read.
      mask: 1 = hole.
      key: makes the starts.
      settings: see Search.

    Returns:
      Uncomposited pictures in [0, 1], of the shape of `image`.
    """
    count = len(image)
    weight = contextual_weight(mask, settings.window)
    known = jnp.where(mask > 0, 0.0, image)
    known, weight = (jnp.repeat(a, settings.starts, axis=0) for a in (known, weight))
    optimizer = optax.sgd(settings.learning_rate, momentum=settings.momentum, nesterov=True)

    def losses(z: Latents) -> tuple[Float[Array, "b"], Image]:
        pictures = generate(z)
        contextual = jnp.sum(jnp.abs(weight * 2 * (pictures - known)), axis=(1, 2, 3))
        prior = jax.nn.softplus(-judge(pictures))
        return contextual + settings.prior_weight * prior, pictures

    def total(z: Latents) -> tuple[Float[Array, ""], Float[Array, "b"]]:
        values, _ = losses(z)
        return jnp.sum(values), values

    def best(values: Float[Array, "b"]) -> Float[Array, ""]:
        return jnp.mean(jnp.min(values.reshape(count, settings.starts), axis=1))

    def step(index, carry):
        z, moving = carry
        gradient, values = jax.grad(total, has_aux=True)(z)
        if settings.log_progress:
            _log_progress(index, settings.steps, best(values))
        change, moving = optimizer.update(gradient, moving)
        return jnp.clip(z + change, -1, 1), moving

    # Search from all starts, then keep the best of each picture.
    shape = settings.starts, settings.latent
    z = jnp.tile(jax.random.uniform(key, shape, minval=-1, maxval=1), (count, 1))
    z, _ = lax.fori_loop(0, settings.steps, step, (z, optimizer.init(z)))
    values, pictures = losses(z)
    chosen = jnp.argmin(values.reshape(count, settings.starts), axis=1)
    return pictures[jnp.arange(count) * settings.starts + chosen]


def _log_progress(index: Array, steps: int, loss: Float[Array, ""]) -> None:
    """Logs a line every LOG_EVERY steps, from inside a compiled loop."""
    lax.cond(
        index % LOG_EVERY == 0,
        lambda: jax.debug.callback(_log_line, index, steps, loss),
        lambda: None,
    )


def _log_line(index: int, steps: int, loss: float) -> None:
    log.info("latent search: %s of %s steps, loss %.4g", f"{index:,}", f"{steps:,}", loss)
