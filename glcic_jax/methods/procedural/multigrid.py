"""Solves Poisson's equation on a set of pixels, in time and memory that grow with their number.

Conjugate gradients, preconditioned by one V-cycle of geometric multigrid (Tatebe 1993; McAdams,
Sifakis, Teran 2010 for irregular regions), from a start by nested iteration. Ten steps or so reach
a tenth of a grey level, whatever the region's shape. A direct solver is exact, but its factors of
four million pixels do not fit into memory.
"""

from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Float32

Field = Float32[np.ndarray, "h w"]

DAMPING = 0.8
"""Share of a Jacobi step that is taken. It damps errors of all short wavelengths."""

COARSEST_EDGE = 8
"""Levels are halved until one edge is this short, or no pixel is left to solve for."""

COARSEST_SWEEPS = 40

MOST_STEPS = 60
"""Conjugate gradient steps at most; 7 to 16 were needed for regions of 0.1 to 4 million pixels."""

_CROSS = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], np.float32)


class Level(NamedTuple):
    """Holds one grid of the hierarchy.

    unknown: 1 where a value is solved for, else 0.
    degree: the number of neighbours inside the grid, and the pull; 0 where nothing is solved for.
    inverse: DAMPING / degree; 0 where nothing is solved for.
    """

    unknown: Field
    degree: Field
    inverse: Field


def solve_poisson(
    unknown: Bool[np.ndarray, "h w"], right: Field, tolerance: float, pull: float = 0
) -> Field:
    """Solves `degree(p) x(p) - sum of x over p's unknown neighbours = right(p)` for unknown p.

    The degree counts the neighbours above, below, left and right that lie inside the grid. So the
    grid's own edge has the natural boundary condition, and known pixels enter by `right`.

    Args:
      unknown: the pixels to solve for. At least one pixel of the grid must be known.
      right: float32 [h, w], 0 at known pixels.
      tolerance: the largest change of a value, in the units of x, at which the steps end.
      pull: is added to every degree: draws x towards 0 (the screened equation).

    Returns:
      x, float32 [h, w], 0 at known pixels.
    """
    levels = _hierarchy(unknown, pull)
    x = _nested(levels, right)
    residual = right - _apply(levels[0], x)
    direction, former, product = np.zeros_like(x), residual, 1.0
    for _ in range(MOST_STEPS):
        # The next direction: Polak and Ribiere's formula allows for a changing preconditioner.
        error = _cycle(levels, residual)
        before, product = product, _dot(residual, error)
        if product <= 0:  # solved exactly
            break
        direction *= max(product - _dot(former, error), 0) / before
        direction += error
        # The best step along it.
        image = _apply(levels[0], direction)
        length = _dot(direction, residual) / _dot(direction, image)
        step = length * direction
        x += step
        if max(step.max(), -step.min()) < tolerance:
            break
        image *= length
        former, residual = residual, residual - image
    return x


def _hierarchy(unknown: Bool[np.ndarray, "h w"], pull: float) -> list[Level]:
    """Returns the grids, the finest first; a coarse pixel is unknown if all its four parts are."""
    levels = [_level(unknown, pull)]
    while min(unknown.shape) > COARSEST_EDGE:
        height, width = unknown.shape
        even = np.pad(unknown, ((0, height % 2), (0, width % 2)), mode="edge")
        unknown = even[::2, ::2] & even[1::2, ::2] & even[::2, 1::2] & even[1::2, 1::2]
        if not unknown.any():
            break
        pull *= 4  # a coarse pixel's equation is the sum of its parts'
        levels.append(_level(unknown, pull))
    return levels


def _level(unknown: Bool[np.ndarray, "h w"], pull: float) -> Level:
    inside = unknown.astype(np.float32)
    degree = (neighbour_sum(np.ones_like(inside)) + np.float32(pull)) * inside
    inverse = np.divide(DAMPING, degree, out=np.zeros_like(degree), where=degree > 0)
    return Level(inside, degree, inverse)


def neighbour_sum(x: Field) -> Field:
    """Sums the four neighbours of every pixel; those outside the grid count as 0."""
    return cv2.filter2D(x, -1, _CROSS, borderType=cv2.BORDER_CONSTANT)


def _apply(level: Level, x: Field) -> Field:
    """Returns the equation's left side. `x` must be 0 at known pixels."""
    result = neighbour_sum(x)
    result *= -level.unknown
    result += level.degree * x
    return result


def _nested(levels: list[Level], right: Field) -> Field:
    """Returns a first guess: each grid begins with the coarser one's, and takes a cycle."""
    rights = [right]
    for level in levels[1:]:
        rights.append(_restrict(rights[-1]) * level.unknown)
    x = _cycle(levels[-1:], rights[-1])
    for depth in range(len(levels) - 2, -1, -1):
        x = _prolong(x, levels[depth])
        x += _cycle(levels[depth:], rights[depth] - _apply(levels[depth], x))
    return x


def _cycle(levels: list[Level], right: Field) -> Field:
    """Solves about: one sweep, a correction from the coarser grid, another sweep."""
    level, coarser = levels[0], levels[1:]
    x = level.inverse * right
    if not coarser:
        for _ in range(COARSEST_SWEEPS):
            x = _sweep(level, x, right)
        return x
    x += _prolong(_cycle(coarser, _restrict(right - _apply(level, x))), level)
    return _sweep(level, x, right)


def _sweep(level: Level, x: Field, right: Field) -> Field:
    """Takes one damped Jacobi step."""
    result = neighbour_sum(x)
    result += right
    result *= level.inverse
    result += (1 - DAMPING) * x
    return result


def _restrict(x: Field) -> Field:
    """Sums squares of 2 x 2 pixels: a coarse pixel's equation is the sum of its parts'."""
    height, width = x.shape
    even = np.pad(x, ((0, height % 2), (0, width % 2)))
    size = (even.shape[1] // 2, even.shape[0] // 2)
    return 4 * cv2.resize(even, size, interpolation=cv2.INTER_AREA)


def _prolong(x: Field, level: Level) -> Field:
    """Enlarges to the finer grid, linearly, and sets known pixels to 0."""
    height, width = level.unknown.shape
    finer = cv2.resize(x, (2 * x.shape[1], 2 * x.shape[0]), interpolation=cv2.INTER_LINEAR)
    return finer[:height, :width] * level.unknown


def _dot(a: Field, b: Field) -> float:
    """Returns the inner product, summed in double precision."""
    return float(np.einsum("hw,hw->", a, b, dtype=np.float64))
