"""Fills that learn nothing: rows of every comparison.

All take float32 RGB [b, h, w, 3] in [0, 1] and mask [b, h, w, 1], 1 = hole, as numpy arrays, and
return float32 [b, h, w, 3]. Known pixels stay as they are; the hole's contents are never read.
"""

from functools import partial

import cv2
import numpy as np
from jaxtyping import Float

Pictures = Float[np.ndarray, "b h w 3"]
Masks = Float[np.ndarray, "b h w 1"]

RADIUS = 3
"""Neighbourhood that OpenCV's fills look at, pixels."""


def mean_fill(image: Pictures, mask: Masks, *, mean_pixel: tuple[float, float, float]) -> Pictures:
    """Paints the hole in one colour, the training set's mean."""
    return np.where(mask > 0, np.asarray(mean_pixel, np.float32), image)


def _inpaint(image: Pictures, mask: Masks, *, flag: int) -> Pictures:
    pixels = np.rint(np.where(mask > 0, 0, image) * 255).astype(np.uint8)
    holes = (mask > 0).astype(np.uint8)
    filled = [
        cv2.inpaint(picture, hole, RADIUS, flag)
        for picture, hole in zip(pixels, holes, strict=True)
    ]
    return np.where(mask > 0, np.stack(filled).astype(np.float32) / 255, image)


telea = partial(_inpaint, flag=cv2.INPAINT_TELEA)
"""Fast marching (Telea 2004), by OpenCV."""

navier_stokes = partial(_inpaint, flag=cv2.INPAINT_NS)
"""Navier-Stokes (Bertalmio et al. 2001), by OpenCV."""
