"""Selects the thing that clicks or scribbles in a picture mean. Needs no JAX.

In a small copy of the picture, GrabCut (Rother, Kolmogorov, Blake 2004) proposes a thing of each
of several sizes around the marks; the proposal that looks most like one thing is taken, and its
edge drawn at full size by a watershed. Nothing is learnt, so more marks are needed where a thing
has many colours or those of its surroundings. docs/holes.md has how well it does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Float32

from glcic_jax.masks.merit import depths, distance_to, merit
from glcic_jax.runtime.errors import UserError

if TYPE_CHECKING:
    from glcic_jax.types import PixelImage

    Area = Bool[np.ndarray, "h w"]

LONGEST = 192
"""Pixels of the longer edge of the copy that the thing is looked for in: it bounds the time."""

RADII = (0.06, 0.1, 0.16, 0.26, 0.42)
"""Sizes of things that are tried: radii, as parts of the copy's longer edge."""

BEFORE = 0.6
"""Radius that is tried besides, where a mark is outside: part of the way to it."""

REACH = 2.2
"""How far a thing of one of RADII may reach from the marks, in such radii."""

ROUNDS = 2
"""Rounds of GrabCut, each of which learns the colours anew."""

TIP = 2
"""Pixels of the copy around a mark that are as sure as the mark."""

KEPT = 0.7
"""Merit by which what was selected without the last marks is preferred, where these correct its rim
alone; the deeper they contradict it, the less."""

LARGEST_GAP = 0.05
"""Part of the thing; smaller gaps in it are filled."""


class Mark(NamedTuple):
    """Holds a click or a scribble.

    Attributes:
      inside: whether the thing is there, or is not.
      points: x and y of its points, in pixels of the picture; a click has one.
      width: of its stroke, in pixels.
    """

    inside: bool
    points: tuple[tuple[float, float], ...]
    width: float = 1


class _Marked(NamedTuple):
    """Holds marks as areas of a picture, and their first points as (row, column)."""

    inside: Area
    outside: Area
    inner: list[tuple[int, int]]
    outer: list[tuple[int, int]]


def select(image: PixelImage, marks: Sequence[Mark]) -> Area:
    """Selects a thing.

    Example:
      hole = select(image, [Mark(True, ((120, 80),)), Mark(False, ((40, 200),))])

    Args:
      image: uint8 RGB [h, w, 3].
      marks: in the order in which they were made, one of them inside the thing at least.

    Returns:
      bool [h, w], True = of the thing. It is wherever a mark inside is, and nowhere where one
      outside is; of two marks the later counts.

    Raises:
      UserError: no mark is inside, later ones lie upon it, or a point is not in the picture.
    """
    height, width = image.shape[:2]
    points = [point for mark in marks for point in mark.points]
    if not any(mark.inside for mark in marks):
        raise UserError("no mark is inside the thing: give one")
    for x, y in points:
        if not (0 <= x < width and 0 <= y < height):
            raise UserError(
                f"the point {x:g},{y:g} is not in the picture, which has {width}x{height} pixels"
            )
    scale = min(1.0, LONGEST / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = image if scale == 1 else cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    smooth = cv2.bilateralFilter(np.ascontiguousarray(small), 5, 30, 5)
    first = next(mark for mark in marks if mark.inside)
    found = _best(smooth, _marked([first], smooth.shape, scale, TIP), None)
    if len(marks) > 1:
        together = _marked(marks, smooth.shape, scale, TIP)
        if not together.inside.any():
            raise UserError("marks outside lie upon all of those inside: mark the inside again")
        found = _best(smooth, together, found)
    thing = found if scale == 1 else _enlarged(image, found)
    exact = _marked(marks, image.shape, 1.0, 0)
    return (thing | exact.inside) & ~exact.outside


def _marked(marks: Sequence[Mark], shape: tuple[int, ...], scale: float, tip: float) -> _Marked:
    """Draws marks in a copy of the picture that has this shape, `tip` pixels larger all around."""
    drawn, firsts = np.zeros(shape[:2], np.uint8), {True: [], False: []}
    for mark in marks:
        places = [
            (min(int(x * scale), shape[1] - 1), min(int(y * scale), shape[0] - 1))
            for x, y in mark.points
        ]
        value, radius = 1 if mark.inside else 2, round(mark.width * scale / 2 - 0.5 + tip)
        for a, b in zip(places, places[1:] or places, strict=False):
            cv2.line(drawn, a, b, value, max(1, 2 * radius + 1))
            cv2.circle(drawn, b, max(0, radius), value, -1)
        firsts[mark.inside].append(places[0][::-1])
    return _Marked(drawn == 1, drawn == 2, firsts[True], firsts[False])


def _best(image: PixelImage, marked: _Marked, before: Area | None) -> Area:
    """Returns the proposal that looks most like one thing.

    Args:
      image: the copy, smoothed.
      marked: what the user marked there.
      before: what was selected without the last marks, of which one proposal is made.
    """
    near = distance_to(marked.inside)
    far = distance_to(marked.outside) if marked.outer else np.full_like(near, np.inf)
    labels, kept = [], 0.0
    radii = [part * max(image.shape) for part in RADII]
    if marked.outer:  # what ends before the nearest mark outside
        nearest = min(float(far[place]) for place in marked.inner)
        radii.insert(0, BEFORE * min(nearest, 2 * max(image.shape)))
    for radius in radii:
        label = np.where(near < REACH * radius, cv2.GC_PR_BGD, cv2.GC_BGD)
        label[(near < radius) & (near < far)] = cv2.GC_PR_FGD
        labels.append(label)
    if before is not None:
        label, kept = _changed(before, marked, far)
        labels.append(label)
    proposals = [_connected(_grabbed(image, label, marked), marked) for label in labels]
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)
    merits = []
    for i, proposal in enumerate(proposals):
        others = [
            other
            for j, other in enumerate(proposals)
            if abs(i - j) == 1 or (i != j and len(radii) in (i, j))
        ]
        worth = merit(lab, proposal, others, marked.inner, marked.outer)
        if np.count_nonzero(proposal) < 3 * np.count_nonzero(marked.inside):
            worth -= 9  # not more than what was marked
        merits.append(worth + (kept if i == len(radii) else 0))
    return proposals[int(np.argmax(merits))]


def _changed(
    before: Area, marked: _Marked, far: Float32[np.ndarray, "h w"]
) -> tuple[np.ndarray, float]:
    """Returns GrabCut's labels of what was selected, changed around marks that contradict it.

    Also returns the merit by which it is preferred, up to KEPT.
    """
    depth, away = depths(before), distance_to(before)
    reach = max(4.0, float(depth.max()))
    label = np.where(before, cv2.GC_PR_FGD, cv2.GC_PR_BGD)
    label[away > reach] = cv2.GC_BGD
    contradiction = 0.0
    for place in marked.outer:
        if before[place]:
            label[_disk(before.shape, place, 1.5 * float(depth[place]) + 2)] = cv2.GC_PR_BGD
            contradiction = max(contradiction, float(depth[place]) / reach)
    for place in marked.inner:
        if not before[place]:
            radius = min(1.5 * float(away[place]) + 2, 0.7 * float(far[place]))
            wide = _disk(before.shape, place, 2 * radius + 1)
            label[wide & (label == cv2.GC_BGD)] = cv2.GC_PR_BGD
            label[_disk(before.shape, place, radius)] = cv2.GC_PR_FGD
            contradiction = max(contradiction, min(1.0, float(away[place]) / reach))
    return label, KEPT * (1 - contradiction)


def _disk(shape: tuple[int, ...], place: tuple[int, int], radius: float) -> Area:
    drawn = np.zeros(shape, np.uint8)
    cv2.circle(drawn, place[::-1], int(radius), 1, -1)
    return drawn > 0


def _grabbed(image: PixelImage, label: np.ndarray, marked: _Marked) -> Area:
    """Runs GrabCut where something is to be decided."""
    label = label.astype(np.uint8)
    label[marked.outside], label[marked.inside] = cv2.GC_BGD, cv2.GC_FGD
    rows, columns = (np.flatnonzero((label != cv2.GC_BGD).any(axis=axis)) for axis in (1, 0))
    box = tuple(slice(max(0, at[0] - 6), at[-1] + 7) for at in (rows, columns))
    inner = np.ascontiguousarray(label[box])
    if len(np.unique(inner % 2)) == 2 and (inner > 1).any():
        cv2.setRNGSeed(0)  # the colours are clustered from a random start
        models = np.zeros((1, 65)), np.zeros((1, 65))
        part = np.ascontiguousarray(image[box])
        cv2.grabCut(part, inner, None, *models, ROUNDS, cv2.GC_INIT_WITH_MASK)  # type: ignore
    thing = np.zeros(label.shape, bool)
    thing[box] = inner % 2 == 1
    return thing


def _connected(thing: Area, marked: _Marked) -> Area:
    """Returns the parts of a proposal that have a mark, without small gaps."""
    _, parts = cv2.connectedComponents(thing.astype(np.uint8), connectivity=4)
    kept = np.isin(parts, np.unique(parts[marked.inside & thing])) & thing | marked.inside
    count, gaps, sizes, _ = cv2.connectedComponentsWithStats((~kept).astype(np.uint8))
    largest = LARGEST_GAP * np.count_nonzero(kept)
    small = [i for i in range(1, count) if sizes[i, cv2.CC_STAT_AREA] < largest]
    return (kept | np.isin(gaps, small)) & ~marked.outside


def _enlarged(image: PixelImage, thing: Area) -> Area:
    """Returns a selection at the picture's size, with its edge at that of the colours."""
    size, factor = image.shape[1::-1], image.shape[1] / thing.shape[1]
    inside, outside = depths(thing), depths(~thing)
    seeds = np.zeros(thing.shape, np.uint8)
    seeds[outside > 1.5], seeds[inside > 1.5] = 1, 2
    seeds[(inside > 0) & (depths(seeds == 2) == 0) & (distance_to(seeds == 2) > 2)] = 2  # thin
    markers = cv2.resize(seeds, size, interpolation=cv2.INTER_NEAREST).astype(np.int32)
    rows, columns = (np.flatnonzero((markers == 2).any(axis=axis)) for axis in (1, 0))
    margin = int(6 * factor) + 1
    box = tuple(slice(max(0, at[0] - margin), at[-1] + margin) for at in (rows, columns))
    # The watershed leaves out the outermost pixels, so there is a row more all around.
    part, colours = (
        cv2.copyMakeBorder(array[box], 1, 1, 1, 1, cv2.BORDER_REPLICATE)
        for array in (markers, image)
    )
    cv2.watershed(colours, part)
    result = np.zeros(image.shape[:2], bool)
    result[box] = part[1:-1, 1:-1] == 2  # the line between is -1
    return result
