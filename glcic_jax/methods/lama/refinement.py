"""Refines completions from a small copy of a picture up to its size.

*Feature Refinement to Improve High Resolution Image Inpainting* (Kulshreshtha, Pugh and Jiddi
2022): the generator completes large holes best at about the size that it was trained at. So a
pyramid of copies is completed from the smallest on. At each larger one, the features between the
generator's two parts are moved until its output, made smaller, is the completion of the copy
before, and fits the known pixels.

Formulas and numbers are those of the release (advimman/lama, saicinpainting/evaluation/
refinement.py and configs/prediction/default.yaml), where they were looked up. Of the paper only the
abstract was at hand: whether its numbers are the same was not verified, and no section is cited.
Differences from the release:

- Pictures of any size are refined at that size. There, they are scaled to at most 1.8 million
  pixels (px_budget) first; here `complete --large` is for that.
- The error at known pixels does not count the rows and columns that fill a picture up to multiples
  of 8, and these are mirrored as in completing, with the outermost repeated.
- A hole of which erosion leaves nothing adds nothing. There, its mean is not a number.
- Several pictures are refined at once, each as if alone.
"""

import logging
import math
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import optax
from jax import lax
from jaxtyping import Array, Float

from glcic_jax.layers.ops import composite
from glcic_jax.methods.lama.completing import generator_input, repeated
from glcic_jax.methods.lama.halving import eroded, halved, halved_mask
from glcic_jax.methods.lama.network import FRONT, REAR, Generator
from glcic_jax.methods.network_state import infer
from glcic_jax.types import Image, Mask, NetworkState

logger = logging.getLogger(__name__)

MOVES = 14
"""Updates of the features at each scale: the release's 15 passes (n_iters), the last without."""

RATE = 0.002
"""Learning rate of Adam (lr)."""

SHORTEST = 512
"""Pixels that the shortest edge of the smallest copy has, within a factor of sqrt(2), where
MOST_SCALES reach down to it (min_side)."""

MOST_SCALES = 3
"""Scales, the picture's own included (max_scales)."""

Front = Callable[[Image, Mask], Array]
"""(picture with black holes, mask) -> features."""

Rear = Callable[[Array], Image]
"""features -> the picture that the network makes of them, at least of the size of what the front
was given."""


def complete_refined(
    width: int,
    blocks: int,
    network: NetworkState,
    image: Image,
    mask: Mask,
    shortest: int | None = None,
) -> Image:
    """Completes pictures with LaMa's generator, refined over scales; in float32.

    Args:
      width: of the generator.
      blocks: of the generator.
      network: its parameters and running statistics.
      image: RGB in [0, 1], of any size. What it holds inside the holes is not read.
      mask: 1 = hole.
      shortest: pixels of the shortest edge of the smallest copy; None = SHORTEST.

    Returns:
      The completed pictures. Known pixels are untouched, bit for bit.
    """
    make = partial(Generator, train=False, width=width, blocks=blocks, remat=True)

    def front(image: Image, mask: Mask) -> Array:
        return infer(make(part=FRONT), network, repeated(generator_input(image, mask)))

    height, columns = image.shape[1:3]
    shortest = SHORTEST if shortest is None else shortest
    count = scales(min(height, columns), shortest)
    if count == 1:  # printed once for each size, when it is traced
        logger.info(
            f"{columns} x {height} pixels are too few to be refined from {shortest} on: completed "
            "without"
        )
    return refined(front, partial(infer, make(part=REAR), network), image, mask, count)


def scales(edge: int, shortest: int) -> int:
    """Returns how many scales there are, the picture's own included.

    Args:
      edge: pixels of the picture's shortest edge.
      shortest: as in `complete_refined`.
    """
    return min(1 + round(max(0.0, math.log2(edge / shortest))), MOST_SCALES)


def refined(
    front: Front, rear: Rear, image: Image, mask: Mask, count: int, moves: int = MOVES
) -> Image:
    """Completes pictures from a small copy on, each scale towards the one before.

    Args:
      front: the network's first part.
      rear: its second part.
      image: RGB in [0, 1]. What it holds inside the holes is not read.
      mask: 1 = hole.
      count: scales, each of half the size of the one before; 1 = the picture alone.
      moves: updates of the features at each scale but the smallest.

    Returns:
      The completed pictures. Known pixels are untouched, bit for bit.
    """
    levels = [(jnp.where(mask > 0, 0, image), mask)]
    for _ in range(count - 1):
        own, hole = levels[-1]
        smaller = halved_mask(hole)
        levels.append((jnp.where(smaller > 0, 0, halved(own)), smaller))
    (own, hole), *larger = reversed(levels)
    done = composite(own, _cut(rear(front(own, hole)), own), hole)
    for own, hole in larger:
        done = composite(own, refine(front, rear, own, hole, done, moves), hole)
    return done


def refine(
    front: Front, rear: Rear, image: Image, mask: Mask, coarse: Image, moves: int = MOVES
) -> Image:
    """Returns the network's output once its features fit the known pixels and a coarser result.

    Args:
      front: the network's first part.
      rear: its second part.
      image: RGB in [0, 1], black in its holes.
      mask: 1 = hole.
      coarse: completion of the copy of half the size.
      moves: updates of the features.
    """
    features, inner = front(image, mask), eroded(mask)

    def loss(features: Array) -> Float[Array, ""]:
        # A sum over pictures, so that each moves as if it were alone.
        return jnp.sum(distances(_cut(rear(features), image), image, mask, coarse, inner))

    adam = optax.adam(RATE)

    def move(state, _):
        features, moments = state
        updates, moments = adam.update(jax.grad(loss)(features), moments)
        return (features + updates, moments), None

    (features, _), _ = lax.scan(move, (features, adam.init(features)), length=moves)
    return _cut(rear(features), image)


def _cut(output: Image, image: Image) -> Image:
    """Cuts off what filled a picture up to the size that the network takes."""
    return output[:, : image.shape[1], : image.shape[2]]


def distances(
    output: Image, image: Image, mask: Mask, coarse: Image, inner: Mask
) -> Float[Array, " b"]:
    """Returns each picture's mean absolute error at known pixels plus that in its hole, halved.

    Args:
      output: the network's.
      image: what is known.
      mask: 1 = hole.
      coarse: what the halved output should be in the hole.
      inner: 1 = where of the halved output.
    """

    def mean(errors: Array, where: Array) -> Array:
        count = errors.shape[-1] * jnp.sum(where, axis=(1, 2, 3))
        return jnp.sum(where * jnp.abs(errors), axis=(1, 2, 3)) / jnp.maximum(count, 1)

    return mean(output - image, 1 - mask) + mean(halved(output) - coarse, inner)
