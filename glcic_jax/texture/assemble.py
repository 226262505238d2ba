"""Copies pixels by a map of sources, and hides the seams between them."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Int

from glcic_jax.methods.procedural.multigrid import solve_poisson
from glcic_jax.methods.procedural.poisson import surroundings

PULL = 0.05
"""Weight of a colour's difference from what it is drawn to, beside 1 for a gradient's."""

TOLERANCE = 0.1 / 255
"""Change of a colour, of 1, at which solving ends."""

_SIDES = ((1, 0), (-1, 0), (0, 1), (0, -1))


class Copies(NamedTuple):
    """Holds what each pixel of a hole is a copy of.

    Attributes:
      at: rows and columns of the hole's pixels.
      source: rows and columns of what they copy; it is known, and beside it whatever the hole's
        pixel has beside it in the picture.
    """

    at: tuple[Int[np.ndarray, "n"], Int[np.ndarray, "n"]]
    source: tuple[Int[np.ndarray, "n"], Int[np.ndarray, "n"]]


def assemble(
    image: Float32[np.ndarray, "h w c"],
    hole: Bool[np.ndarray, "h w"],
    copies: Copies,
    wanted: Float32[np.ndarray, "h w c"],
) -> Float32[np.ndarray, "h w c"]:
    """Paints the hole so that its gradients are those of what it copies.

    Solves for the colours x that minimise, over neighbours p and q of which one lies in the hole,
    the sum of (x(p) - x(q) - v(p, q))^2, plus PULL times the sum of (x(p) - wanted(p))^2 (Perez et
    al. 2003 with a screening term; Bhat et al. 2008). v is the mean of what both ends copy: the
    difference of p's source and the pixel beside that, and likewise q's. So neither the hole's rim
    nor the borders between parts from different places show.

    Args:
      image: in [0, 1], any number of channels.
      hole: what is painted.
      copies: of every pixel of the hole.
      wanted: colours in the hole that the result is drawn to; they set its low frequencies.

    Returns:
      The picture, not clipped; known pixels are the image's.
    """
    (y, x), (sy, sx) = copies.at, copies.source
    height, width = hole.shape
    number = np.full(hole.shape, -1, np.int32)
    number[y, x] = np.arange(len(y))
    start = np.where(hole[..., None], wanted, image)
    right = np.zeros((len(y), image.shape[2]), np.float32)
    for down, across in _SIDES:
        ny, nx = y + down, x + across
        beside = np.flatnonzero((ny >= 0) & (ny < height) & (nx >= 0) & (nx < width))
        ny, nx = ny[beside], nx[beside]
        beyond = np.minimum(sy + down, height - 1), np.minimum(sx + across, width - 1)
        own = image[sy, sx] - image[beyond]  # read only where there is a neighbour
        difference = own[beside]
        both = number[ny, nx] >= 0
        other = number[ny, nx][both]
        theirs = image[sy[other] - down, sx[other] - across] - image[sy[other], sx[other]]
        difference[both] = (difference[both] + theirs) / 2
        right[beside] += difference - (start[y[beside], x[beside]] - start[ny, nx])
    box = surroundings(hole, 1)
    result = image.copy()
    for channel in range(image.shape[2]):
        equation = np.zeros(hole.shape, np.float32)
        equation[y, x] = right[:, channel]
        added = solve_poisson(hole[box], equation[box], TOLERANCE, PULL)
        result[box][..., channel] = np.where(
            hole[box], start[box][..., channel] + added, result[box][..., channel]
        )
    return result
