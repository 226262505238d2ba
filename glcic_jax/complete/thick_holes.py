"""Shows a network thick holes at a size at which it can fill them.

A completion network continues what surrounds a hole some tens of pixels far. In the middle of a
thicker hole it has nothing to go on. In a smaller copy of the picture the same hole is thin. Its
completion there, enlarged, is right in the large and blurred in detail: what the texture fill takes
for a guide (docs/texture.md has what it gains).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np
from jaxtyping import Bool

if TYPE_CHECKING:
    from glcic_jax.types import PixelImage

Hole = Bool[np.ndarray, "h w"]

THICKEST = 50
"""Pixels from a hole's rim to its deepest pixel, up to which a network is shown the picture at full
size. The holes that the network that ships was trained on have up to 52."""

LEAST_KNOWN = 0.5
"""Part of a pixel of the smaller copy that must be known; below it, that pixel is a hole."""


def guides_for(
    images: Sequence[PixelImage],
    holes: Sequence[Hole],
    complete: Callable[[Sequence[PixelImage], Sequence[Hole]], Iterable[PixelImage]],
) -> list[PixelImage]:
    """Completes pictures of one size for the texture fill: thick holes in smaller copies.

    Args:
      images: uint8 RGB [h, w, 3] each.
      holes: one for each picture, bool [h, w], True = to be filled.
      complete: completes pictures of one size, which it takes with their holes.

    Returns:
      Completed pictures in the same order. Known pixels are the pictures'.
    """
    parts = [thick_part(hole) for hole in holes]
    guides = list(images)
    # Holes that the network fills at full size.
    full = [i for i, (thick, _) in enumerate(parts) if (thick != holes[i]).any()]
    if full:
        completed = complete([images[i] for i in full], [holes[i] for i in full])
        for i, filled in zip(full, completed, strict=True):
            guides[i] = filled
    # The others.
    for i, (thick, deepest) in enumerate(parts):
        if thick.any():
            small, small_hole = reduced(images[i], holes[i], THICKEST / deepest)
            (filled,) = complete([small], [small_hole])
            guides[i] = np.where(thick[..., None], enlarged(filled, thick), guides[i])
    return guides


def thick_part(hole: Hole) -> tuple[Hole, float]:
    """Returns the holes that are too thick, and how far their deepest pixel is from a rim.

    A picture's edge counts as a rim: what lies beyond it has no say.

    Args:
      hole: True = to be filled. Holes that touch are one.
    """
    depth = cv2.distanceTransform(np.pad(hole, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    deepest = float(depth.max(initial=0))
    if deepest <= THICKEST:
        return np.zeros_like(hole), deepest
    _, labels = cv2.connectedComponents(hole.astype(np.uint8), connectivity=8)
    return np.isin(labels, np.unique(labels[depth > THICKEST])), deepest


def reduced(image: PixelImage, hole: Hole, factor: float) -> tuple[PixelImage, Hole]:
    """Returns a smaller copy of a picture and its holes.

    Args:
      image: uint8 RGB [h, w, 3]. What it holds inside the holes is not read.
      hole: True = to be filled, but not everywhere.
      factor: by which height and width are multiplied, below 1.
    """
    shape = [max(1, round(edge * factor)) for edge in hole.shape]
    known = (~hole).astype(np.float32)
    sums, shares = (
        cv2.resize(array, shape[::-1], interpolation=cv2.INTER_AREA)
        for array in (image * known[..., None], known)
    )
    colours = sums / np.maximum(shares, np.finfo(np.float32).tiny)[..., None]
    holes = shares < min(LEAST_KNOWN, shares.max())  # something stays known
    return np.where(holes[..., None], 0, np.rint(colours)).astype(np.uint8), holes


def enlarged(filled: PixelImage, hole: Hole) -> PixelImage:
    """Returns a completed smaller copy at the size of `hole`."""
    return cv2.resize(filled, hole.shape[::-1], interpolation=cv2.INTER_CUBIC)
