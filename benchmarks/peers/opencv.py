"""OpenCV's procedural fill."""

import cv2
import numpy as np

from benchmarks import inputs


def telea(height: int, width: int):
    """Makes a worker: Telea's fast marching fill, radius 5."""
    image, mask = inputs.photograph(height, width)
    holes = mask.astype(np.uint8)
    return lambda: cv2.inpaint(image, holes, 5, cv2.INPAINT_TELEA)
