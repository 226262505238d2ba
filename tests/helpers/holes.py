"""Random generators, settings and files of holes for the tests of masks."""

import numpy as np
from PIL import Image

from glcic_jax.masks.shapes import box

STROKES = {
    "most_strokes": 3,
    "fewest_vertices": 2,
    "most_vertices": 6,
    "thinnest": 2,
    "thickest": 7,
    "angle": 72.0,
    "angle_spread": 24.0,
}
"""Settings of holes of kind freeform that fit 32x32 pixels."""


def rngs(count):
    """Returns as many different random generators, the same at every call."""
    return [np.random.default_rng((7, index)) for index in range(count)]


def write_masks(folder):
    """Writes four masks of 80x70 pixels, one of them in a folder below, and returns the folder."""
    (folder / "more").mkdir(parents=True)
    for index in range(4):
        mask = box(np.random.default_rng(index), 80, 70, shortest=20, longest=40)[..., 0]
        path = folder / ("more" if index == 3 else "") / f"{index}.png"
        Image.fromarray(mask * 255).save(path)
    return folder
