"""Measures how much a part of a picture looks like one thing that clicks mean. Needs no JAX."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

Area = Bool[np.ndarray, "h w"]

CONTRAST, STABLE, DEEP, CUT, RAGGED, SIZE, CLEAR = 0.4, 0.25, 0.5, -0.6, -0.15, 0.06, 0.6
"""Weights of what counts: colours that differ from the surroundings, behind an edge; another size
leads to the same; the clicks are in its middle; it is cut by the picture's border; it is not round;
the logarithm of its share of the picture; clicks outside are far. All but the last were fitted to
the things outlined by hand that docs/holes.md reports, and rounded."""

BINS = 8
"""Steps of each channel in the histograms that are compared."""


def merit(
    lab: UInt8[np.ndarray, "h w 3"],
    thing: Area,
    others: Sequence[Area],
    inner: Sequence[tuple[int, int]],
    outer: Sequence[tuple[int, int]],
) -> float:
    """Returns how much a proposal looks like the thing: more is better.

    Args:
      lab: the picture in OpenCV's 8-bit CIELAB.
      thing: True = of the proposal; not empty.
      others: proposals of neighbouring sizes.
      inner: (row, column) of clicks in the thing.
      outer: of clicks outside it.
    """
    depth = depths(thing)
    rim = (cv2.dilate(thing.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0) & ~thing
    length = np.count_nonzero(rim)
    cut = sum(np.count_nonzero(edge) for edge in (thing[0], thing[-1], thing[:, 0], thing[:, -1]))
    stable = max((_overlap(thing, other) for other in others), default=0.0)
    area = np.count_nonzero(thing)
    worth = (
        CONTRAST * _contrast(lab, thing)
        + STABLE * stable
        + DEEP * float(np.mean([depth[place] for place in inner])) / float(depth.max())
        + CUT * cut / max(1, length + cut)
        + RAGGED * min(5.0, length / np.sqrt(4 * np.pi * area))
        + SIZE * np.log(area / max(thing.shape) ** 2)
    )
    if outer:
        far, between = distance_to(thing), distance_to(_dots(thing.shape, inner))
        clear = [min(1.0, far[place] / max(1.0, between[place])) for place in outer]
        worth += CLEAR * float(np.mean(clear))
    return float(worth)


def depths(thing: Area) -> Float32[np.ndarray, "h w"]:
    """Returns how far each pixel of an area is from its rim, or the picture's, and 0 elsewhere."""
    return cv2.distanceTransform(np.pad(thing, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]


def distance_to(thing: Area) -> Float32[np.ndarray, "h w"]:
    """Returns how far each pixel is from an area; without one, farther than any picture."""
    return cv2.distanceTransform((~thing).astype(np.uint8), cv2.DIST_L2, 5)


def _dots(shape: tuple[int, ...], places: Sequence[tuple[int, int]]) -> Area:
    dots = np.zeros(shape, bool)
    for place in places:
        dots[place] = True
    return dots


def _overlap(one: Area, other: Area) -> float:
    """Returns the intersection over the union."""
    return np.count_nonzero(one & other) / max(1, np.count_nonzero(one | other))


def _contrast(lab: UInt8[np.ndarray, "h w 3"], thing: Area) -> float:
    """Returns how much an area's colours differ from those around, and how clear its edge is."""
    filled = thing.astype(np.uint8)
    width = max(2, int(0.15 * np.sqrt(np.count_nonzero(thing))))
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * width + 1, 2 * width + 1))
    around = (cv2.dilate(filled, disk) > 0) & ~thing
    if np.count_nonzero(around) < 10:
        return -1.0
    steps = (lab // (256 // BINS)).astype(np.int64)
    bins = (steps[..., 0] * BINS + steps[..., 1]) * BINS + steps[..., 2]
    shares = [np.bincount(bins[part], minlength=BINS**3) / part.sum() for part in (thing, around)]
    apart = 1 - float(np.minimum(*shares).sum())
    # The edge, against the picture's edges in the mean.
    colours = lab.astype(np.float32)
    slopes = [cv2.Sobel(colours, cv2.CV_32F, *order) for order in ((1, 0), (0, 1))]
    slope = np.sqrt(sum((part**2).sum(axis=2) for part in slopes))
    square = np.ones((3, 3), np.uint8)
    edge = cv2.dilate(filled, square) > cv2.erode(filled, square)
    clear = float(slope[edge].mean()) / (float(slope.mean()) + 4)
    return apart * np.sqrt(min(6.0, clear))
