"""Continues colours into holes: solves Laplace's equation from coarse to fine, on the device."""

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from glcic_jax.layers.ops import pad_to_multiple
from glcic_jax.layers.tiles import Extent, inside, mirrored, rounded_up
from glcic_jax.types import Image, Mask

HALVINGS = 6
"""The number of levels above the picture itself."""

ALIGNMENT = 2**HALVINGS
"""Edge in pixels of the cells of the coarsest level, which begin at multiples of it."""

SWEEPS = 24
"""Sweeps on every level but the coarsest. Each sweep spreads a value by one cell of the level."""

COARSEST_SWEEPS = 48
"""Sweeps on the coarsest level."""

RELAXATION = 0.9
"""Part of the way to the neighbours' mean that a cell moves in a sweep. With 1, chequered errors
would never fade."""


def smooth_fill(image: Image, mask: Mask, extent: Extent | None = None) -> Image:
    """Fills holes as smoothly as their borders allow: nearly the harmonic interpolation.

    It is push and pull (Gortler et al. 1996) with sweeps of Jacobi's method: known colours are
    averaged down to cells of 64 pixels; then, level by level, unknown cells take the coarser
    level's colour and are relaxed. A colour depends on little but the border of its own hole.

    Args:
      image: RGB in [0, 1], any size; what it holds inside the holes is never read.
      mask: 1 = hole.
      extent: the size of one picture that lies at the top left of the arrays, whose own sizes are
        multiples of ALIGNMENT; None = the arrays are the pictures.

    Returns:
      The filled picture. Outside the holes it is `image` bit for bit; with no known pixel at all it
      is grey.
    """
    height, width = image.shape[1:3]
    if extent is None:
        padded, holes = (pad_to_multiple(x, ALIGNMENT) for x in (image, mask))
        known = holes <= 0
        ends = None
    else:
        padded, holes = (mirrored(x, extent, ALIGNMENT) for x in (image, mask))
        ends = rounded_up(extent[0], ALIGNMENT), rounded_up(extent[1], ALIGNMENT)
        known = (holes <= 0) & inside((height, width), (0, 0), ends)
    known = known.astype(image.dtype)
    # Average known colours, from fine to coarse.
    levels = [(jnp.where(holes > 0, 0, padded), known)]
    for _ in range(HALVINGS):
        colour, known = levels[-1]
        count = _sums(known)
        levels.append((_sums(colour * known) / jnp.maximum(count, 1), jnp.minimum(count, 1)))
    # Fill unknown cells, from coarse to fine.
    colour, known = levels.pop()
    filled = _relax(
        colour, known, jnp.full_like(colour, 0.5), COARSEST_SWEEPS, _halved(ends, HALVINGS)
    )
    for halvings, (colour, known) in reversed(list(enumerate(levels))):
        start = filled.repeat(2, axis=1).repeat(2, axis=2)
        filled = _relax(colour, known, start, SWEEPS, _halved(ends, halvings))
    return jnp.where(mask > 0, filled[:, :height, :width], image)


def _sums(x: Float[Array, "b h w c"]) -> Float[Array, "b h/2 w/2 c"]:
    """Returns the sums over squares of 2 x 2 cells."""
    x = x[:, ::2] + x[:, 1::2]
    return x[:, :, ::2] + x[:, :, 1::2]


def _halved(ends: Extent | None, halvings: int) -> Extent | None:
    """Returns a picture's size on a level, if it is known only when the program runs."""
    return ends and (ends[0] // 2**halvings, ends[1] // 2**halvings)


def _relax(
    colour: Image,
    known: Float[Array, "b h w 1"],
    start: Image,
    sweeps: int,
    ends: Extent | None,
) -> Float[Array, "b h w 3"]:
    """Moves unknown cells towards the mean of their four neighbours, `sweeps` times.

    A cell at the picture's edge has itself for its neighbour beyond.
    """

    def sweep(_, x):
        rows = jnp.concatenate([x[:, :1], x, x[:, -1:]], axis=1)
        columns = jnp.concatenate([x[:, :, :1], x, x[:, :, -1:]], axis=2)
        below, right = rows[:, 2:], columns[:, :, 2:]
        if ends is not None:
            below = jnp.where(last_row, x, below)
            right = jnp.where(last_column, x, right)
        around = (rows[:, :-2] + below + columns[:, :, :-2] + right) / 4
        return jnp.where(known > 0, colour, x + RELAXATION * (around - x))

    if ends is not None:
        last_row = (jnp.arange(colour.shape[1]) == ends[0] - 1)[None, :, None, None]
        last_column = (jnp.arange(colour.shape[2]) == ends[1] - 1)[None, None, :, None]
    return lax.fori_loop(0, sweeps, sweep, jnp.where(known > 0, colour, start))
