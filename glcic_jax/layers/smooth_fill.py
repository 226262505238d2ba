"""Continues colours into holes: solves Laplace's equation from coarse to fine, on the device."""

from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from glcic_jax.layers.ops import pad_to_multiple
from glcic_jax.layers.tiles import Extent, inside, mirrored, quotient, rounded_up
from glcic_jax.types import Image, Mask

TILE = 64
"""Edge in cells of the tiles of large levels, which are relaxed one by one in a larger array."""

HALVINGS = 6
"""The number of levels above the picture itself."""

ALIGNMENT = 2**HALVINGS
"""Edge in pixels of the cells of the coarsest level, which begin at multiples of it."""

SWEEPS = 24
"""Sweeps on every level but the coarsest. Each sweep spreads a value by one cell of the level."""

COARSEST_SWEEPS = 48
"""Sweeps on the coarsest level."""

WINDOW_SWEEPS = 8
"""Sweeps on a tile of a large level before the next tile's turn; SWEEPS is a multiple of it."""

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
        own = _halved(ends, halvings)
        if own is not None and min(colour.shape[1:3]) > 2 * TILE:
            filled = _relax_in_tiles(colour, known, start, own)
        else:
            filled = _relax(colour, known, start, SWEEPS, own)
    return jnp.where(mask > 0, filled[:, :height, :width], image)


def _sums(x: Float[Array, "b h w c"]) -> Float[Array, "b h/2 w/2 c"]:
    """Returns the sums over squares of 2 x 2 cells."""
    x = x[:, ::2] + x[:, 1::2]
    return x[:, :, ::2] + x[:, :, 1::2]


def _halved(ends: Extent | None, halvings: int) -> Extent | None:
    """Returns a picture's size on a level, if it is known only when the program runs."""
    return ends and (quotient(ends[0], 2**halvings), quotient(ends[1], 2**halvings))


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
    sweep = _sweep(colour, known, (0, 0), ends or colour.shape[1:3])
    return lax.fori_loop(0, sweeps, sweep, jnp.where(known > 0, colour, start))


def _relax_in_tiles(
    colour: Image, known: Float[Array, "1 h w 1"], start: Image, ends: Extent
) -> Float[Array, "1 h w 3"]:
    """Does what `_relax` does, where cells are unknown and no farther: its time follows the holes.

    A tile is relaxed several times before the next one's turn, together with as many cells around
    it: what these miss of their own surroundings does not reach the tile.
    """
    # List the tiles with unknown cells.
    edge, halo = TILE, WINDOW_SWEEPS
    rows, columns = (size // edge for size in colour.shape[1:3])
    unknown = (known <= 0) & inside(colour.shape[1:3], (0, 0), ends)
    unknown = unknown.reshape(rows, edge, columns, edge).any(axis=(1, 3)).reshape(-1)
    (listed,) = jnp.nonzero(unknown, size=rows * columns)
    # Relax them, in windows that lie within the arrays.
    window = edge + 2 * halo
    last = [size - window for size in colour.shape[1:3]]

    def visit(number: Array, both: tuple[Array, Array]) -> tuple[Array, Array]:
        old, new = both
        tile = listed[number]
        corner = [
            quotient(tile, columns) * edge,
            lax.rem(tile, jnp.full_like(tile, columns)) * edge,
        ]
        first = [jnp.clip(at - halo, 0, most) for at, most in zip(corner, last, strict=True)]
        x, own, fixed = (
            lax.dynamic_slice(array, (0, *first, 0), (1, window, window, array.shape[-1]))
            for array in (old, colour, known)
        )
        x = lax.fori_loop(0, WINDOW_SWEEPS, _sweep(own, fixed, first, ends), x)
        inner = [at - start for at, start in zip(corner, first, strict=True)]
        x = lax.dynamic_slice(x, (0, *inner, 0), (1, edge, edge, 3))
        return old, lax.dynamic_update_slice(new, x, (0, *corner, 0))

    def turn(_, both: tuple[Array, Array]) -> tuple[Array, Array]:
        old, new = lax.fori_loop(0, unknown.sum(), visit, both)
        return new, old

    x = jnp.where(known > 0, colour, start)
    return lax.fori_loop(0, SWEEPS // WINDOW_SWEEPS, turn, (x, x))[0]


def _sweep(
    colour: Image,
    known: Float[Array, "b h w 1"],
    corner: Sequence[Array | int],
    ends: Sequence[Array | int],
) -> Callable[[Any, Image], Image]:
    """Returns a sweep of Jacobi's method over a window of a picture, for `lax.fori_loop`.

    Args:
      colour: of known cells.
      known: 1 = known.
      corner: place of the window in the picture.
      ends: the picture's height and width, beyond which a cell has itself for its neighbour.
    """
    row = (corner[0] + jnp.arange(colour.shape[1]))[None, :, None, None]
    column = (corner[1] + jnp.arange(colour.shape[2]))[None, None, :, None]

    def sweep(_, x: Image) -> Image:
        rows = jnp.concatenate([x[:, :1], x, x[:, -1:]], axis=1)
        columns = jnp.concatenate([x[:, :, :1], x, x[:, :, -1:]], axis=2)
        below = jnp.where(row == ends[0] - 1, x, rows[:, 2:])
        right = jnp.where(column == ends[1] - 1, x, columns[:, :, 2:])
        around = (rows[:, :-2] + below + columns[:, :, :-2] + right) / 4
        return jnp.where(known > 0, colour, x + RELAXATION * (around - x))

    return sweep
