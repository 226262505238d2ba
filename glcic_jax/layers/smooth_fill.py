"""Colours continued into holes: Laplace's equation, solved from coarse to fine on the device."""

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from glcic_jax.layers.ops import pad_to_multiple
from glcic_jax.types import Image, Mask

HALVINGS = 6
ALIGNMENT = 2**HALVINGS
"""Pixels: edge of the cells of the coarsest level, which begin at multiples of it."""

SWEEPS = 24
"""Of every level but the coarsest; each lets a value spread by one of its cells."""

COARSEST_SWEEPS = 48
STEP = 0.9
"""Of the way to the neighbours' mean: all of it would let chequered errors live."""


def smooth_fill(image: Image, mask: Mask) -> Image:
    """Fills holes with what is as smooth as their borders allow: about the harmonic interpolation.

    Push and pull (Gortler et al. 1996) with sweeps of Jacobi's method: known colours are averaged
    down to cells of 64 pixels; unknown cells take the coarser level's colour and are relaxed. A
    colour depends on little but the hole's own border.

    Args:
      image: RGB in [0, 1], any size; what it holds inside the holes is never read.
      mask: 1 = hole.

    Returns:
      `image` outside the holes, bit for bit. Without any known pixel, grey.
    """
    height, width = image.shape[1:3]
    padded, holes = (pad_to_multiple(x, ALIGNMENT) for x in (image, mask))
    known = (holes <= 0).astype(image.dtype)
    levels = [(jnp.where(holes > 0, 0, padded), known)]
    for _ in range(HALVINGS):
        colour, known = levels[-1]
        count = _sums(known)
        levels.append((_sums(colour * known) / jnp.maximum(count, 1), jnp.minimum(count, 1)))
    colour, known = levels.pop()
    filled = _relax(colour, known, jnp.full_like(colour, 0.5), COARSEST_SWEEPS)
    for colour, known in reversed(levels):
        filled = _relax(colour, known, filled.repeat(2, axis=1).repeat(2, axis=2), SWEEPS)
    return jnp.where(mask > 0, filled[:, :height, :width], image)


def _sums(x: Float[Array, "b h w c"]) -> Float[Array, "b h/2 w/2 c"]:
    """Of squares of 2 x 2."""
    x = x[:, ::2] + x[:, 1::2]
    return x[:, :, ::2] + x[:, :, 1::2]


def _relax(
    colour: Image, known: Float[Array, "b h w 1"], start: Image, sweeps: int
) -> Float[Array, "b h w 3"]:
    """Moves unknown cells towards their four neighbours' mean, over and over."""

    def sweep(_, x):
        rows = jnp.concatenate([x[:, :1], x, x[:, -1:]], axis=1)
        columns = jnp.concatenate([x[:, :, :1], x, x[:, :, -1:]], axis=2)
        around = (rows[:, :-2] + rows[:, 2:] + columns[:, :, :-2] + columns[:, :, 2:]) / 4
        return jnp.where(known > 0, colour, x + STEP * (around - x))

    return lax.fori_loop(0, sweeps, sweep, jnp.where(known > 0, colour, start))
