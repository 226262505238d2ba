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
    count, labels = cv2.connectedComponents(grown)
    found = []
    for label in range(1, count):
        group = np.zeros_like(hole)
        group[around] = hole[around] & (labels == label)
        tight = surroundings(group, 0)
        longest = max(side.stop - side.start for side in tight)
        margin = int(np.clip(longest, LEAST_MARGIN, MOST_MARGIN))
        rows, columns = surroundings(group, margin)
        box = (
            slice(rows.start, min(rows.stop, hole.shape[0])),
            slice(columns.start, min(columns.stop, hole.shape[1])),
        )
        found.append(Window(box, group[box]))
    return found
