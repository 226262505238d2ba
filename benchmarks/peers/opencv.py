"""Fills by OpenCV's procedural fill."""

import cv2
import numpy as np

from benchmarks import inputs


def telea(sizes: list[tuple[int, int]]):
    """Makes a worker: Telea's fast marching fill, radius 5, of a picture of each size."""
    pictures = [inputs.photograph(*size) for size in sizes]

    def run() -> None:
        for image, mask in pictures:
            cv2.inpaint(image, mask.astype(np.uint8), 5, cv2.INPAINT_TELEA)

    return run
