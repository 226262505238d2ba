"""Scales pictures. Needs no JAX."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from glcic_jax.types import PixelImage


def resize_shortest(image: PixelImage, edge: int) -> PixelImage:
    """Scales a picture, antialiased, so that its shortest edge has `edge` pixels.

    Args:
      image: uint8 RGB [h, w, 3].
      edge: pixels.

    Returns:
      uint8 RGB; `image` itself if it has that size.
    """
    height, width = image.shape[:2]
    scale = edge / min(height, width)
    if scale == 1:
        return image
    # max: rounding must not leave the longer edge below the shorter
    size = (max(edge, round(width * scale)), max(edge, round(height * scale)))
    if scale >= 1:
        return cv2.resize(image, size, interpolation=cv2.INTER_CUBIC)
    if scale < 0.5:
        return cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return cv2.resize(_blurred(image, scale), size, interpolation=cv2.INTER_LINEAR)


def _blurred(image: PixelImage, scale: float) -> PixelImage:
    """Blurs a picture so that linear interpolation at 0.5 to 1 times its size is antialiased.

    Blur and interpolation together have the variance of a triangle filter as wide as the new
    pixels, which is what antialiased bilinear resizing uses. They take a third of the time of area
    averaging.
    """
    side = (scale**-2 - 1) / 12  # weight of each outer one of the three taps
    if side < 1e-3:
        return image
    sigma = np.sqrt(-0.5 / np.log(side / (1 - 2 * side)))
    return cv2.GaussianBlur(image, (3, 3), sigma)


def middle_square(image: PixelImage, size: int) -> PixelImage:
    """Scales a picture to a shortest edge of `size` pixels, and cuts out the square in its middle.

    Args:
      image: uint8 RGB [h, w, 3].
      size: pixels.

    Returns:
      uint8 RGB [size, size, 3].
    """
    image = resize_shortest(image, size)
    top, left = ((edge - size) // 2 for edge in image.shape[:2])
    return np.ascontiguousarray(image[top : top + size, left : left + size])
