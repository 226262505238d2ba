"""Fills holes of pictures of any size by networks that take squares of one size only.

Either each hole is filled from a square around it, or all of them from the whole picture, scaled.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

from glcic_jax.runtime.errors import UserError

if TYPE_CHECKING:
    from glcic_jax.types import PixelImage

CONTEXT = 2
"""Least edge of a square, as a multiple of that of its holes, where the picture allows it."""

FillSquare = Callable[
    [UInt8[np.ndarray, "s s 3"], Bool[np.ndarray, "s s"]], UInt8[np.ndarray, "s s 3"]
]
"""(picture, hole) -> completed picture, squares of the network's size."""


class Square(NamedTuple):
    """Holds the place of a square, which may exceed the picture.

    Attributes:
      top: row of its upper edge; negative if it lies above the picture.
      left: column of its left edge.
      edge: pixels.
      box: (rows, columns) of the picture in which the holes lie that are filled from this square.
      hole: which pixels of the box these are: holes of other squares may lie there too.
    """

    top: int
    left: int
    edge: int
    box: tuple[slice, slice]
    hole: Bool[np.ndarray, "h w"]


def squares(mask: Bool[np.ndarray, "h w"], size: int, middle: int | None = None) -> list[Square]:
    """Chooses one square for each group of holes that lie close together.

    Args:
      mask: True = hole.
      size: edge of the network's pictures in pixels; no square is smaller.
      middle: edge of the square in the middle of the network's pictures that its holes must lie in;
        None = they may lie anywhere, so squares are moved into the picture.
    """
    near = size // 8  # holes closer than twice this share a square
    grown = cv2.dilate(mask.astype(np.uint8), np.ones((2 * near + 1,) * 2, np.uint8))
    count, labels = cv2.connectedComponents(grown)
    found = []
    for label in range(1, count):
        inside = mask & (labels == label)
        rows, columns = (np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0))
        box = slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
        longest = max(side.stop - side.start for side in box)
        if middle is None:
            edge = max(size, min(CONTEXT * longest, max(mask.shape)))
            top, left = (_start(side, edge, n) for side, n in zip(box, mask.shape, strict=True))
        else:  # scaling widens a hole by less than a pixel on each side
            edge = size if longest <= middle else -(-size * longest // (middle - 2))
            top, left = ((side.start + side.stop - edge) // 2 for side in box)
        found.append(Square(top, left, edge, box, inside[box]))
    return found


def _start(side: slice, edge: int, length: int) -> int:
    """Centres the square on the holes, and moves it into the picture if it fits."""
    if edge >= length:
        return (length - edge) // 2
    return int(np.clip((side.start + side.stop - edge) // 2, 0, length - edge))


def fill_squares(
    image: PixelImage,
    mask: Bool[np.ndarray, "h w"],
    size: int,
    fill: FillSquare,
    middle: int | None = None,
) -> PixelImage:
    """Fills each hole from a square around it, scaled to the network's size and back.

    Whatever lies outside the picture counts as hole; so does every pixel that scaling mixed with
    one.

    Args:
      image: uint8 RGB [h, w, 3].
      mask: True = hole.
      size: edge of the pictures that `fill` takes.
      fill: (picture, mask) -> completed picture.
      middle: as in `squares`.

    Returns:
      uint8 [h, w, 3]; known pixels are the input's.
    """
    completed = image.copy()
    for square in squares(mask, size, middle):
        picture, hole = (_cut(array, square) for array in (image, mask))
        hole |= ~_cut(np.ones_like(mask), square)
        picture[hole] = 0
        small = cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)
        small_hole = cv2.resize(hole.astype(np.float32), (size, size), interpolation=cv2.INTER_AREA)
        filled = fill(small, small_hole > 0)
        edge = square.edge
        answer = cv2.resize(filled, (edge, edge), interpolation=cv2.INTER_CUBIC)
        rows, columns = square.box
        part = answer[
            rows.start - square.top : rows.stop - square.top,
            columns.start - square.left : columns.stop - square.left,
        ]
        completed[square.box] = np.where(square.hole[..., None], part, completed[square.box])
    return completed


def fill_whole(
    image: PixelImage,
    mask: Bool[np.ndarray, "h w"],
    size: int,
    fill: FillSquare,
    middle: int | None = None,
) -> PixelImage:
    """Fills all holes from the whole picture, scaled to the network's square and back.

    Its height and width are scaled each by their own factor. Every pixel that scaling mixed with a
    hole counts as hole.

    Args:
      image: uint8 RGB [h, w, 3].
      mask: True = hole.
      size: edge of the pictures that `fill` takes.
      fill: (picture, mask) -> completed picture.
      middle: as in `squares`.

    Returns:
      uint8 [h, w, 3]; known pixels are the input's.

    Raises:
      UserError: a hole reaches beyond the middle square.
    """
    small = _scaled(np.where(mask[..., None], 0, image), size)
    hole = _scaled(mask.astype(np.float32), size) > 0
    if middle is not None:
        first = (size - middle) // 2
        around = hole.copy()
        around[first : first + middle, first : first + middle] = False
        if around.any():
            raise UserError(
                f"this network fills the middle {middle} of {size} pixels, and a hole of the whole "
                "picture reaches beyond it: complete from squares around the holes, "
                "whole_picture=0"
            )
    answer = cv2.resize(fill(small, hole), mask.shape[::-1], interpolation=cv2.INTER_CUBIC)
    return np.where(mask[..., None], answer, image)


def _scaled(array: np.ndarray, size: int) -> np.ndarray:
    """Scales both axes, one after the other: at once, OpenCV averages areas only if both shrink."""
    for shape in ((size, len(array)), (size, size)):
        array = cv2.resize(array, shape, interpolation=cv2.INTER_AREA)
    return array


def _cut(array: np.ndarray, square: Square) -> np.ndarray:
    """Cuts a square out of an array; it is 0 outside the array."""
    cut = np.zeros((square.edge, square.edge, *array.shape[2:]), array.dtype)
    height, width = array.shape[:2]
    top, left = max(square.top, 0), max(square.left, 0)
    bottom, right = (
        min(square.top + square.edge, height),
        min(square.left + square.edge, width),
    )
    cut[top - square.top : bottom - square.top, left - square.left : right - square.left] = array[
        top:bottom, left:right
    ]
    return cut
