"""Gives every test pictures to evaluate methods on, with masks, and methods that count calls."""

import numpy as np
import pytest
from PIL import Image

from glcic_jax.evaluate import manifest, measure, run
from glcic_jax.methods.procedural.fills import FILLS
from glcic_jax.metrics.perceptual import FEATURES
from tests.helpers.interrupted import ROWS

SIZES = [(40, 52), (40, 52), (36, 44)]
FIVE_SIZES = [(40, 52), (40, 52), (36, 44), (36, 44), (36, 44)]


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


@pytest.fixture
def five(tmp_path):
    """Makes five pictures of two sizes, and their masks."""
    rng = np.random.default_rng(0)
    for folder in ("data", "masks"):
        (tmp_path / folder).mkdir()
    for index, (height, width) in enumerate(FIVE_SIZES):
        picture = rng.integers(0, 256, (height, width, 3), np.uint8)
        mask = np.zeros((height, width), np.uint8)
        mask[8 : 20 + 2 * index, 10:24] = 255
        Image.fromarray(picture).save(tmp_path / f"data/{index}.png")
        Image.fromarray(mask).save(tmp_path / f"masks/{index}.png")
    return tmp_path


@pytest.fixture
def calls(monkeypatch):
    """Counts the fills' calls by name. Times and software are the same ones in each evaluation."""
    counted = dict.fromkeys(ROWS, 0)

    def counting(name, fill):
        def complete(image, mask):
            counted[name] += 1
            return fill(image, mask)

        return complete

    for name in ROWS:
        monkeypatch.setitem(FILLS, name, counting(name, FILLS[name]))
    monkeypatch.setattr(measure.time, "perf_counter", lambda: 1.0)
    for module in (manifest, run):
        monkeypatch.setattr(module, "software", lambda: {"python": "3"})
    return counted


@pytest.fixture
def network(tmp_path, monkeypatch):
    """Makes the means of the colours a network of features."""
    weights = tmp_path / "weights"
    weights.write_text("weights")
    monkeypatch.setitem(FEATURES, "efflite0", lambda mesh: (lambda x: x.mean((1, 2)), weights))
