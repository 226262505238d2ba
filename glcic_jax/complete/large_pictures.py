"""Fills holes of large pictures from the parts that they depend on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Bool

from glcic_jax.runtime.stages import stage

if TYPE_CHECKING:
    from glcic_jax.types import PixelImage

LONGEST_WINDOW = 1024
"""Edge, in pixels, of the largest part shown at once, which bounds the memory needed.

For networks that look far it is 3 times their reach instead; otherwise most of each part would be
surroundings.
"""

WINDOW_STEP = 128
"""Windows' edges are multiples of this where the picture allows, so few shapes are compiled."""


class Window(NamedTuple):
    """Holds two rectangles, as (rows, columns) of the picture.

    Attributes:
      seen: the part that the network is shown.
      answered: the part of it, around hole pixels, that is taken from the network's answer.
    """

    seen: tuple[slice, slice]
    answered: tuple[slice, slice]


def fill_windows(
    image: PixelImage,
    hole: Bool[np.ndarray, "h w"],
    reach: int,
    alignment: int,
    fill: Callable[[PixelImage, Bool[np.ndarray, "h w"]], PixelImage],
) -> PixelImage:
    """Fills holes as if `fill` had seen the whole picture.

    Args:
      image: uint8 RGB [h, w, 3].
      hole: True = to be filled.
      reach: as in `windows`.
      alignment: as in `windows`.
      fill: fills the holes of one part.
    """
    completed = image.copy()
    parts = windows(hole, reach, max(LONGEST_WINDOW, 3 * reach), alignment)
    for i, (seen, answered) in enumerate(parts):
        stage("filling", i + 1, len(parts))
        within = tuple(
            slice(part.start - outer.start, part.stop - outer.start)
            for part, outer in zip(answered, seen, strict=True)
        )
        completed[answered] = fill(image[seen], hole[seen])[within]
    return completed


def windows(
    mask: Bool[np.ndarray, "h w"], reach: int, longest: int, alignment: int
) -> list[Window]:
    """Covers all holes so that each window shows everything that the answer depends on.

    Holes close to each other share a window; large ones are divided among several.

    Args:
      mask: True = hole.
      reach: pixels around a pixel that its answer depends on.
      longest: edge of the largest window, in pixels; more than 2 * reach + alignment.
      alignment: windows begin at multiples of this, so that a network's halvings fall as in the
        whole picture.
    """
    largest = max(longest - 2 * reach - alignment, 1)
    return [
        Window(
            (
                _seen(box[0], mask.shape[0], reach, alignment),
                _seen(box[1], mask.shape[1], reach, alignment),
            ),
            box,
        )
        for box in _boxes(mask, (0, 0), largest)
    ]


def _boxes(
    mask: Bool[np.ndarray, "h w"], corner: tuple[int, int], largest: int
) -> list[tuple[slice, slice]]:
    """Covers the holes with rectangles, halved until no side is longer than `largest` pixels."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return []
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    height, width = int(bottom - top), int(right - left)
    inside, corner = mask[top:bottom, left:right], (corner[0] + int(top), corner[1] + int(left))
    if max(height, width) <= largest:
        return [(slice(corner[0], corner[0] + height), slice(corner[1], corner[1] + width))]
    if height >= width:
        half = height // 2
        rest = corner[0] + half, corner[1]
        return _boxes(inside[:half], corner, largest) + _boxes(inside[half:], rest, largest)
    half = width // 2
    rest = corner[0], corner[1] + half
    return _boxes(inside[:, :half], corner, largest) + _boxes(inside[:, half:], rest, largest)


def _seen(part: slice, size: int, reach: int, alignment: int) -> slice:
    """Widens a range of rows or columns by `reach` and rounds it, within 0 to `size`."""
    start = max(part.start - reach, 0) // alignment * alignment
    length = -(-(part.stop + reach - start) // WINDOW_STEP) * WINDOW_STEP
    if start + length < size:
        return slice(start, start + length)
    return slice(max(size - length, 0) // alignment * alignment, size)
