"""Gives every test pictures to evaluate methods on, with masks."""

import numpy as np
import pytest
from PIL import Image

SIZES = [(40, 52), (40, 52), (36, 44)]


@pytest.fixture
def files(tmp_path):
    """Makes three pictures of two sizes, one of them in a folder, and masks named as they are."""
    rng = np.random.default_rng(0)
    for index, (height, width) in enumerate(SIZES):
        coarse = rng.integers(0, 256, (4, 5, 3), np.uint8)
        picture = np.asarray(Image.fromarray(coarse).resize((width, height)))
        mask = np.zeros((height, width), np.uint8)
        mask[8 : 20 + 4 * index, 10:24] = 255
        name = f"{'deep/' if index == 2 else ''}{index}.png"
        for folder, array in (("data", picture), ("masks", mask)):
            (tmp_path / folder / "deep").mkdir(parents=True, exist_ok=True)
            Image.fromarray(array).save(tmp_path / folder / name)
    (tmp_path / "ordered").mkdir()
    for name in ("x", "y"):
        Image.fromarray(np.eye(40, 52, dtype=np.uint8) * 255).save(tmp_path / f"ordered/{name}.png")
    return tmp_path
