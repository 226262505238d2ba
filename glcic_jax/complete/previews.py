"""Draws what was filled beside what came out, for --preview. Needs no JAX."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from jaxtyping import Bool

from glcic_jax.pictures.photo import Photo
from glcic_jax.pictures.photo_writer import encode_photo
from glcic_jax.pictures.pixels import to_rgb8

if TYPE_CHECKING:
    from glcic_jax.types import PixelImage

LONGEST = 1000
"""Pixels of the longest edge of a picture in a preview; larger ones are scaled down."""

GAP = 8
"""Pixels of white between the two pictures."""

MARK, STRENGTH = (255, 0, 90), 0.6
"""The colour that marks holes, RGB, and its share in theirs."""


def preview(photo: Photo, filled: Photo, hole: Bool[np.ndarray, "h w"]) -> bytes:
    """Returns a PNG in 8-bit RGB: the photograph with its holes marked, and beside it the result.

    Args:
      photo: the photograph.
      filled: the same with its holes filled.
      hole: True = filled.
    """
    before = to_rgb8(photo.pixels).copy()
    blended = (1 - STRENGTH) * before[hole] + STRENGTH * np.array(MARK, np.float32)
    before[hole] = np.rint(blended).astype(np.uint8)
    left, right = (_small(pixels) for pixels in (before, to_rgb8(filled.pixels)))
    gap = np.full((left.shape[0], GAP, 3), 255, np.uint8)
    profile = photo.profile if photo.colours == 3 else None  # a grey one does not fit RGB
    both = Photo(np.concatenate([left, gap, right], axis=1), "PNG", profile)
    return encode_photo(both, ".png", "the preview")[0]


def _small(pixels: PixelImage) -> PixelImage:
    height, width = pixels.shape[:2]
    scale = LONGEST / max(height, width)
    if scale >= 1:
        return pixels
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
