"""Draws random holes of simple shapes: uint8 [h, w, 1], 1 = hole. Needs no JAX.

Each kind is a function `f(rng, height, width, **arguments)`. Sizes are in pixels, shares are those
of the picture's pixels, and ends of ranges are included. `rng` is the only source of randomness.
Strokes are in strokes.py, the list of all kinds is in kinds.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from glcic_jax.masks.checks import check_hole_fits, check_range, check_shares
from glcic_jax.runtime.errors import UserError

if TYPE_CHECKING:
    from glcic_jax.types import PixelMask


def box(
    rng: np.random.Generator, height: int, width: int, *, shortest: int, longest: int
) -> PixelMask:
    """Draws one rectangle, placed uniformly and wholly inside (GLCIC, section 3.5).

    Its height and width are independent uniform integers in [shortest, longest] pixels.

    Raises:
      UserError: the sides are not a range, or the longest does not fit.
    """
    return boxes(rng, height, width, fewest=1, most=1, shortest=shortest, longest=longest)


def boxes(
    rng: np.random.Generator,
    height: int,
    width: int,
    *,
    fewest: int,
    most: int,
    shortest: int,
    longest: int,
) -> PixelMask:
    """Draws `fewest` to `most` rectangles, each as `box` does; they may overlap.

    Raises:
      UserError: the counts or the sides are not a range, or the longest does not fit.
    """
    check_range(fewest=fewest, most=most)
    check_range(shortest=shortest, longest=longest)
    check_hole_fits(height, width, longest=longest)
    mask = np.zeros((height, width, 1), np.uint8)
    for _ in range(most if fewest == most else rng.integers(fewest, most, endpoint=True)):
        rows, columns = rng.integers(shortest, longest, size=2, endpoint=True)
        top = rng.integers(0, height - rows, endpoint=True)
        left = rng.integers(0, width - columns, endpoint=True)
        mask[top : top + rows, left : left + columns] = 1
    return mask


def center(rng: np.random.Generator, height: int, width: int, *, size: int) -> PixelMask:
    """Draws a square of `size` pixels in the middle of the picture (GLCIC, section 4.1.2).

    Raises:
      UserError: the square does not fit.
    """
    del rng
    check_hole_fits(height, width, size=size)
    top, left = (height - size) // 2, (width - size) // 2
    mask = np.zeros((height, width, 1), np.uint8)
    mask[top : top + size, left : left + size] = 1
    return mask


def outpaint(
    rng: np.random.Generator, height: int, width: int, *, sides: int, narrowest: int, widest: int
) -> PixelMask:
    """Draws bands along the border, so that the picture is to be continued outwards.

    Args:
      rng: source of random numbers.
      height: of the picture, pixels.
      width: of the picture, pixels.
      sides: the number of sides with a band, 1 to 4; which ones is random.
      narrowest: smallest width of a band, pixels. Each band's width is a uniform integer.
      widest: largest width, less than half of the picture, so that something is known.

    Raises:
      UserError: the widths are not a range or too large, or there are too many sides.
    """
    if not 1 <= sides <= 4:
        raise UserError(f"sides is {sides}: choose 1 to 4")
    check_range(narrowest=narrowest, widest=widest)
    if 2 * widest >= min(height, width):
        raise UserError(f"two bands of {widest} pixels leave nothing of {width}x{height} pixels")
    bands = rng.integers(narrowest, widest, size=4, endpoint=True)
    bands[rng.permutation(4)[sides:]] = 0
    top, bottom, left, right = bands
    mask = np.ones((height, width, 1), np.uint8)
    mask[top : height - bottom, left : width - right] = 0
    return mask


def noise(
    rng: np.random.Generator,
    height: int,
    width: int,
    *,
    smallest_share: float,
    largest_share: float,
    cell: int,
) -> PixelMask:
    """Draws free-form blobs: coarse uniform noise, enlarged smoothly and thresholded.

    The release of GLCIC's authors of 2020 was trained with such holes, which covered 20 to 30 % of
    the picture. Here the share is uniform, and the threshold is set to meet it, so that no hole is
    drawn in vain.

    Args:
      rng: source of random numbers.
      height: of the picture, pixels.
      width: of the picture, pixels.
      smallest_share: smallest share of the picture's pixels that the hole covers, above 0.
      largest_share: largest share, below 1.
      cell: pixels between two values of the coarse noise, hence the size of the blobs.

    Raises:
      UserError: the shares are not a range, or `cell` is below 1.
    """
    check_shares(smallest_share, largest_share)
    if cell < 1:
        raise UserError(f"cell is {cell}: choose at least 1 pixel")
    share = rng.uniform(smallest_share, largest_share)
    coarse = rng.random((max(2, -(-height // cell)), max(2, -(-width // cell))), np.float32)
    fine = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).ravel()
    count = np.clip(round(share * height * width), 1, height * width - 1)
    mask = np.zeros(height * width, np.uint8)
    mask[np.argpartition(fine, count)[:count]] = 1
    return mask.reshape(height, width, 1)


def keep_patch(rng: np.random.Generator, height: int, width: int, *, size: int) -> PixelMask:
    """Draws all but a square of `size` pixels, placed uniformly (AmbientGAN, Bora et al. 2018).

    Raises:
      UserError: the square does not fit, or leaves nothing to fill.
    """
    check_hole_fits(height, width, size=size)
    if size == height == width:
        raise UserError(
            f"size {size} keeps all of {width}x{height} pixels: nothing is left to fill"
        )
    return 1 - boxes(rng, height, width, fewest=1, most=1, shortest=size, longest=size)


def block_pixels(
    rng: np.random.Generator, height: int, width: int, *, probability: float
) -> PixelMask:
    """Draws each pixel with the same probability (AmbientGAN); at least one, and never all.

    Raises:
      UserError: the probability is not above 0 and below 1.
    """
    if not 0 < probability < 1:
        raise UserError(f"probability is {probability}: choose one above 0 and below 1")
    count = np.clip(rng.binomial(height * width, probability), 1, height * width - 1)
    mask = np.zeros(height * width, np.uint8)
    mask[rng.permutation(height * width)[:count]] = 1
    return mask.reshape(height, width, 1)
