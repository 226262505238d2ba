"""Chooses the part of a picture around each group of holes that their filling looks at."""

from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool

from glcic_jax.methods.procedural.poisson import surroundings

NEAR = 48
"""Holes closer than twice this, in pixels, are filled together."""

LEAST_MARGIN, MOST_MARGIN = 96, 512
"""Pixels around holes that are searched: as many as the holes' longest edge, within these."""


class Window(NamedTuple):
    """Holds a part of a picture.

    Attributes:
      box: rows and columns of the picture.
      hole: what is filled, of the size of the box.
    """

    box: tuple[slice, slice]
    hole: Bool[np.ndarray, "h w"]


def windows(hole: Bool[np.ndarray, "h w"]) -> list[Window]:
    """Returns a window for each group of holes that lie close together, from top to bottom."""
    around = surroundings(hole, NEAR)
    edge = 2 * NEAR + 1
    grown = cv2.dilate(hole[around].astype(np.uint8), np.ones((edge, edge), np.uint8))
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(grown)
    found = []
    for label in range(1, count):
        # The group's own holes, in a box that may be larger; then the smallest one.
        left, top, width, height = (int(number) for number in boxes[label, :4])
        part = np.s_[top : top + height, left : left + width]
        group = hole[around][part] & (labels[part] == label)
        corner = around[0].start + top, around[1].start + left
        tight = surroundings(group, 0)
        longest = max(side.stop - side.start for side in tight)
        margin = int(np.clip(longest, LEAST_MARGIN, MOST_MARGIN))
        # The window, and the same holes in it.
        rows, columns = (
            slice(max(first + side.start - margin, 0), min(first + side.stop + margin, size))
            for first, side, size in zip(corner, tight, hole.shape, strict=True)
        )
        own = np.zeros((rows.stop - rows.start, columns.stop - columns.start), bool)
        y, x = np.nonzero(group)
        own[y + corner[0] - rows.start, x + corner[1] - columns.start] = True
        found.append(Window((rows, columns), own))
    return found
