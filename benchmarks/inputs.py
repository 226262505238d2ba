"""Makes the pictures and holes that all sides are given."""

import time
from collections.abc import Callable, Iterator

import numpy as np

DRAINED = 16
"""Number of batches: more than any side prepares ahead while the others have their turn."""


def batch(size: int, count: int) -> dict[str, np.ndarray]:
    """Makes noise with one box per picture, for C and for D's real pictures.

    Returns:
      "image", "mask" and "other_mask": uint8 [b, h, w, 3], [b, h, w, 1], [b, h, w, 1].
    """
    rng = np.random.default_rng(0)
    edge = size * 7 // 16
    masks = np.zeros((2, count, size, size, 1), np.uint8)
    corners = rng.integers(0, size - edge, (2, count, 2))
    for kind in range(2):
        for mask, (top, left) in zip(masks[kind], corners[kind], strict=True):
            mask[top : top + edge, left : left + edge] = 1
    image = rng.integers(0, 256, (count, size, size, 3), dtype=np.uint8)
    return {"image": image, "mask": masks[0], "other_mask": masks[1]}


def photograph(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Makes a smooth picture and a mask of one hole: uint8 [h, w, 3] and bool [h, w].

    The hole is a square of 128 pixels, or of half the picture's shorter edge if that is less.
    """
    rows, columns = np.linspace(0, 9, height)[:, None], np.linspace(0, 9, width)[None]
    waves = [np.sin(rows + k) * np.cos((1 + k) * columns) for k in range(3)]
    image = (127 + 120 * np.stack(waves, axis=-1)).astype(np.uint8)
    mask = np.zeros((height, width), bool)
    edge = min(128, height // 2, width // 2)
    top, left = (height - edge) // 2, (width - edge) // 3
    mask[top : top + edge, left : left + edge] = True
    return image, mask


def steady(batches: Iterator) -> Callable[[], float]:
    """Returns a function that measures seconds per batch after those prepared ahead."""

    def run() -> float:
        for _ in range(DRAINED):
            next(batches)
        start = time.perf_counter()
        for _ in range(DRAINED):
            next(batches)
        return (time.perf_counter() - start) / DRAINED

    return run
