"""Draws pictures with a trained network that generates, and lays them out in rows."""

from collections.abc import Iterator, Sequence

import jax
import numpy as np

from glcic_jax.runtime.errors import UserError
from glcic_jax.types import PixelImage
from glcic_jax.weights.address import Trained

BATCH = 16
"""Pictures at a time, always as many: a picture does not depend on how many are asked for."""

GAP = 2
"""White pixels between two pictures of a sheet."""


def draw(trained: Trained, count: int, seed: int) -> Iterator[PixelImage]:
    """Draws pictures, each from a random key of its own.

    Example:
      pictures = list(draw(open_trained("runs/dcgan"), count=16, seed=0))

    Args:
      trained: an opened network of a method that generates.
      count: the number of pictures.
      seed: the seed of the pictures; picture n is the same whatever the count.

    Returns:
      An iterator over the pictures, uint8 RGB [h, w, 3].

    Raises:
      UserError: the method of the network does not generate.
    """
    method, state = trained.completing()
    if method.generate is None:
        name = trained.config.get("method")
        raise UserError(
            f"{trained.address}: {f'a {name} network' if name else 'this network'} only completes, "
            "and draws no pictures of its own: give a DCGAN (configs/dcgan_faces64.py)"
        )
    generate = jax.jit(method.generate)

    def pictures() -> Iterator[PixelImage]:
        for start in range(0, count, BATCH):
            numbers = np.arange(start, start + BATCH)
            keys = jax.vmap(jax.random.fold_in, (None, 0))(jax.random.key(seed), numbers)
            drawn = np.rint(np.asarray(generate(state, keys)) * 255).astype(np.uint8)
            yield from drawn[: count - start]

    return pictures()


def sheet(pictures: Sequence[PixelImage]) -> PixelImage:
    """Lays pictures out in rows, as nearly square as they come, white between and after them.

    Args:
      pictures: at least one, all of one size.
    """
    columns = int(np.ceil(np.sqrt(len(pictures))))
    rows = -(-len(pictures) // columns)
    height, width = pictures[0].shape[:2]
    size = rows * (height + GAP) - GAP, columns * (width + GAP) - GAP, 3
    canvas = np.full(size, 255, np.uint8)
    for number, picture in enumerate(pictures):
        row, column = divmod(number, columns)
        top, left = row * (height + GAP), column * (width + GAP)
        canvas[top : top + height, left : left + width] = picture
    return canvas
