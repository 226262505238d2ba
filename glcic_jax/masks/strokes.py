"""Draws random holes of strokes, with numpy and OpenCV: uint8 [h, w, 1], 1 = hole.

Each kind is a function `f(rng, height, width, **arguments)`, as in shapes.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import cv2
import numpy as np
from jaxtyping import Float, Int, UInt8

from glcic_jax.masks.checks import check_hole_fits, check_range, check_shares
from glcic_jax.runtime.errors import UserError

if TYPE_CHECKING:
    from glcic_jax.types import PixelMask

Piece = tuple[Int[np.ndarray, "n 2"], int]
"""The corners of a path as (column, row), and its thickness in pixels."""


def freeform(
    rng: np.random.Generator,
    height: int,
    width: int,
    *,
    most_strokes: int,
    fewest_vertices: int,
    most_vertices: int,
    thinnest: int,
    thickest: int,
    angle: float,
    angle_spread: float,
) -> PixelMask:
    """Draws zigzag strokes of a brush (Yu et al. 2019, free-form masks, in random directions too).

    A stroke starts anywhere and goes in any direction. Its steps go alternately to the left and to
    the right of this direction. Their lengths are normal: the mean is an eighth of the picture's
    diagonal, the deviation is half of the mean, and lengths are clipped to 0 and twice the mean.
    Each stroke is connected, and mirrored at the border.

    Args:
      rng: source of random numbers.
      height: of the picture, pixels.
      width: of the picture, pixels.
      most_strokes: largest number of strokes; the number is uniform from 1 on.
      fewest_vertices: smallest number of points where a stroke turns or ends.
      most_vertices: largest number of these; the number is uniform.
      thinnest: smallest thickness of the brush, pixels; each stroke's is uniform.
      thickest: largest thickness, at most the picture's shorter edge.
      angle: mean angle between a step and the stroke's direction, degrees.
      angle_spread: largest difference of an angle from the mean, degrees; it is uniform.

    Raises:
      UserError: counts, sizes or angles are not a range, or the brush is wider than the picture.
    """
    check_range(fewest_vertices=fewest_vertices, most_vertices=most_vertices)
    check_range(thinnest=thinnest, thickest=thickest)
    check_hole_fits(height, width, thickest=thickest)
    if most_strokes < 1:
        raise UserError(f"most_strokes is {most_strokes}: choose at least 1")
    if not 0 <= angle_spread <= angle <= 180:
        raise UserError(
            f"angle is {angle} and angle_spread {angle_spread}: "
            "choose 0 <= angle_spread <= angle <= 180"
        )
    mean = np.hypot(height, width) / 8
    mask = np.zeros((height, width), np.uint8)
    for _ in range(rng.integers(1, most_strokes, endpoint=True)):
        vertices = rng.integers(fewest_vertices, most_vertices, endpoint=True)
        aside = np.radians(rng.uniform(angle - angle_spread, angle + angle_spread, vertices))
        aside[::2] *= -1
        headings = rng.uniform(0, 2 * np.pi) + aside
        lengths = np.clip(rng.normal(mean, mean / 2, vertices), 0, 2 * mean)
        (path,) = _paths(rng, (height, width), headings[None], lengths[None])
        thickness = int(rng.integers(thinnest, thickest, endpoint=True))
        _draw(mask, path, thickness)
    return mask[..., None]


def lines(
    rng: np.random.Generator,
    height: int,
    width: int,
    *,
    fewest: int,
    most: int,
    thinnest: int,
    thickest: int,
) -> PixelMask:
    """Draws straight lines, each from anywhere to anywhere.

    Args:
      rng: source of random numbers.
      height: of the picture, pixels.
      width: of the picture, pixels.
      fewest: smallest number of lines, at least 1.
      most: largest number; the number is uniform.
      thinnest: smallest thickness of a line, pixels; each line's is uniform.
      thickest: largest thickness, at most the picture's shorter edge.

    Raises:
      UserError: the counts or the thicknesses are not a range, or a line is wider than the picture.
    """
    check_range(fewest=fewest, most=most)
    check_range(thinnest=thinnest, thickest=thickest)
    check_hole_fits(height, width, thickest=thickest)
    mask = np.zeros((height, width), np.uint8)
    for _ in range(rng.integers(fewest, most, endpoint=True)):
        ends = rng.integers(0, (width, height), size=(2, 2)).astype(np.int32)
        _draw(mask, ends, int(rng.integers(thinnest, thickest, endpoint=True)))
    return mask[..., None]


def irregular(
    rng: np.random.Generator,
    height: int,
    width: int,
    *,
    smallest_share: float,
    largest_share: float,
    margin: int,
) -> PixelMask:
    """Draws random walks and strokes of any thickness until they cover a random share.

    Such holes serve to train and test as Liu et al. 2018 (partial convolution) do: in six bins of
    the share, up to 0.1, 0.2 ... 0.6, with the border free and without. The share is uniform and
    met to the pixel: the last step ends where it is reached.

    Args:
      rng: source of random numbers.
      height: of the picture, pixels.
      width: of the picture, pixels.
      smallest_share: smallest share of the picture's pixels that the hole covers, above 0.
      largest_share: largest share, below 1.
      margin: pixels along the border that stay known; 0 = the hole may touch the border.

    Raises:
      UserError: the shares are not a range, or larger than the margin allows.
    """
    check_shares(smallest_share, largest_share)
    inner = height - 2 * margin, width - 2 * margin
    if margin < 0 or min(inner) < 1 or round(largest_share * height * width) > inner[0] * inner[1]:
        raise UserError(
            f"a margin of {margin} of {width}x{height} pixels leaves no room for a share of "
            f"{largest_share}: lower margin or largest_share"
        )
    share = rng.uniform(smallest_share, largest_share)
    mask = np.zeros((height, width, 1), np.uint8)
    count = int(np.clip(round(share * height * width), 1, height * width - 1))
    canvas = _cover(rng, inner, count)
    mask[margin : height - margin, margin : width - margin, 0] = canvas
    return mask


def _cover(
    rng: np.random.Generator, shape: tuple[int, int], count: int
) -> UInt8[np.ndarray, "h w"]:
    """Draws walks and strokes until exactly `count` pixels are 1."""
    canvas, path, thickness = _draw_until(
        np.zeros(shape, np.uint8), _walks_and_strokes(rng, shape), count
    )
    steps = ((path[i : i + 2], thickness) for i in range(len(path) - 1))
    canvas, step, thickness = _draw_until(canvas, steps, count)
    before = canvas.copy()
    _draw(canvas, step, thickness)
    rows, columns = np.divmod(np.flatnonzero(canvas != before), shape[1])
    distance = (rows - step[0, 1]) ** 2 + (columns - step[0, 0]) ** 2
    kept = len(rows) - (cv2.countNonZero(canvas) - count)
    surplus = np.argsort(distance, kind="stable")[kept:]
    canvas[rows[surplus], columns[surplus]] = 0
    return canvas


def _draw_until(
    canvas: UInt8[np.ndarray, "h w"], pieces: Iterable[Piece], count: int
) -> tuple[UInt8[np.ndarray, "h w"], Int[np.ndarray, "n 2"], int]:
    """Draws pieces until `count` pixels are 1; returns the canvas before the last piece, and it."""
    before = np.empty_like(canvas)
    for path, thickness in pieces:
        np.copyto(before, canvas)
        _draw(canvas, path, thickness)
        if cv2.countNonZero(canvas) >= count:
            return before, path, thickness
    raise AssertionError("a path covers as many pixels as its steps")


def _draw(canvas: UInt8[np.ndarray, "h w"], path: Int[np.ndarray, "n 2"], thickness: int) -> None:
    cv2.polylines(canvas, [path], isClosed=False, color=1, thickness=thickness)


def _walks_and_strokes(rng: np.random.Generator, shape: tuple[int, int]) -> Iterator[Piece]:
    """Yields random paths and their thicknesses without end; makes 16 at a time, for speed.

    Walks have many short steps that wind. Strokes have a few long steps in any direction, and are
    thicker.
    """
    edge = min(shape)
    walk = (8, 32, 0.6, edge / 32, edge / 12, edge / 12)
    stroke = (1, 6, np.pi, edge / 16, edge / 3, edge / 6)
    table = np.array([walk, stroke])
    while True:
        chosen = table[rng.integers(2, size=16)].T[..., None]
        fewest, most, turn, shortest, longest, thickest = chosen
        turns = turn * rng.standard_normal((16, 32))
        turns[:, :1], counts, thickness = rng.random((3, 16, 1))
        turns[:, 0] *= 2 * np.pi
        lengths = shortest + (longest - shortest) * rng.random((16, 32))
        counts = (fewest + (most - fewest) * counts).astype(int)
        thickness = (1 + thickest * (0.2 + 0.8 * thickness)).astype(int)
        points = _paths(rng, shape, np.cumsum(turns, axis=1), lengths)
        for path, steps, pixels in zip(points, counts.flat, thickness.flat, strict=True):
            yield path[: steps + 1], int(pixels)


def _paths(
    rng: np.random.Generator,
    shape: tuple[int, int],
    headings: Float[np.ndarray, "n steps"],
    lengths: Float[np.ndarray, "n steps"],
) -> Int[np.ndarray, "n steps+1 2"]:
    """Returns the corners (column, row) of paths from anywhere, mirrored at the border; int32."""
    ends = np.array([shape[1] - 1, shape[0] - 1])
    points = np.empty((*headings.shape[:1], headings.shape[1] + 1, 2))
    points[:, 0] = rng.uniform(0, ends, (len(headings), 2))
    points[:, 1:, 0] = lengths * np.cos(headings)
    points[:, 1:, 1] = lengths * np.sin(headings)
    points = np.cumsum(points, axis=1)
    span = np.maximum(ends, 1)
    folded = span - np.abs(points % (2 * span) - span)
    return np.minimum(np.rint(folded), ends).astype(np.int32)
