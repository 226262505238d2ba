"""Reads masks as people paint and save them. Needs no JAX."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from jaxtyping import Bool, Shaped, UInt8

from glcic_jax.pictures.mask_files import mask_levels
from glcic_jax.runtime.disk import read_file
from glcic_jax.runtime.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

    from glcic_jax.types import PixelImage

LARGEST_SHARE = 0.7
"""Share of a picture. If a mask covers more, its black and white may be exchanged."""


def read_painted_mask(
    path: Path, *, invert: bool = False, dilate: int = 0
) -> tuple[UInt8[np.ndarray, "h w"], list[str]]:
    """Reads a mask that a person painted.

    Args:
      path: a picture file; white is to be filled.
      invert: whether black is to be filled instead.
      dilate: pixels by which the holes grow in every direction, by Euclidean distance.

    Returns:
      The mask, 1 in the holes and 0 elsewhere; and a line for each thing that its author may not
      have meant.

    Raises:
      UserError: the file is missing or cannot be read as a picture.
    """
    grey = mask_levels(read_file(path), path)
    remarks = []
    between = np.count_nonzero((grey > 0) & (grey < 255)) / grey.size
    if between:
        remarks.append(
            f"{100 * between:.2g} % of the mask is neither black nor white: "
            "half and brighter counts as white"
        )
    mask = (grey >= 128) != invert
    if mask.mean() > LARGEST_SHARE:
        ask = "leave --invert out" if invert else "--invert fills the black"
        share = f"{100 * mask.mean():.0f} %"
        remarks.append(f"{share} of the picture are to be filled: is the mask inverted? {ask}")
    return grown(mask.astype(np.uint8), dilate), remarks


def grown(mask: UInt8[np.ndarray, "h w"], pixels: int) -> UInt8[np.ndarray, "h w"]:
    """Returns a mask, 1 = hole, whose holes are larger by `pixels` of Euclidean distance."""
    if not pixels or not mask.any():
        return mask
    distance = cv2.distanceTransform(1 - mask, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return (distance <= pixels).astype(np.uint8)


def check_mask_fits(image: PixelImage, mask: Shaped[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """Returns the mask as bool, after a check that picture and mask fit.

    Args:
      image: uint8 RGB [h, w, 3].
      mask: [h, w] or [h, w, 1] of any dtype; all but 0 is to be filled.

    Raises:
      UserError: a dtype or shape is wrong, the sizes differ, or the mask covers everything.
    """
    image, mask = np.asarray(image), np.asarray(mask)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise UserError(f"the picture is {image.dtype} {image.shape}: give uint8 RGB [h, w, 3]")
    if mask.shape == (*image.shape[:2], 1):
        mask = mask[..., 0]
    if mask.ndim != 2:
        raise UserError(f"the mask has the shape {mask.shape}: give [h, w]")
    if mask.shape != image.shape[:2]:
        raise UserError(
            f"the mask is {_size(mask)} and the picture {_size(image)} pixels (width x height): "
            "give a mask of the picture's size"
        )
    hole = mask != 0
    if hole.all():
        raise UserError("the mask covers the whole picture: leave known pixels to complete it from")
    return hole


def _size(array: np.ndarray) -> str:
    return "x".join(str(n) for n in array.shape[1::-1])
