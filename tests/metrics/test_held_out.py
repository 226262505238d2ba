"""What training scores besides L1: the networks' part is a function that the tests make up."""

import numpy as np
import pytest

from glcic_jax.metrics import HELD_OUT, held_out
from glcic_jax.metrics.distances import kernel_distance
from glcic_jax.metrics.held_out import HeldOutScores
from glcic_jax.metrics.perceptual import Loaded, MissingError
from glcic_jax.metrics.scoring import rounded, score
from glcic_jax.runtime.errors import UserError

rng = np.random.default_rng(1)
EXAMPLES = {
    "image": rng.integers(0, 256, (7, 64, 64, 3), dtype=np.uint8),
    "mask": np.zeros((7, 64, 64, 1), np.uint8),
}
EXAMPLES["mask"][:, 10:30, 20:40] = 1


def blacken(image, mask):
    return image * (1 - mask)


def features(pictures):
    asked.append(len(pictures))
    return pictures[:, ::16, ::16].reshape(len(pictures), -1)


asked = []


@pytest.fixture
def scores(monkeypatch):
    def lpips(mesh):
        return Loaded(lambda a, b, mask: np.abs(a - b).mean(axis=(1, 2, 3)), None)

    asked.clear()
    monkeypatch.setattr(held_out, "PERCEPTUAL", {"lpips": lpips})
    monkeypatch.setattr(held_out, "FEATURES", {"efflite0": lambda mesh: Loaded(features, None)})
    return lambda *names: HeldOutScores(names)


def test_nothing_more_is_what_training_always_scored(scores):
    found = scores()(blacken, EXAMPLES, 4)
    assert found.means == score(blacken, EXAMPLES, HELD_OUT, 4)
    assert {name: float(each.mean()) for name, each in found.each.items()} == found.means
    assert not asked


def test_each_example_counts_once_in_the_kernel_distance(scores):
    """Batches of 4 hold 8 pictures, the last of which is a copy."""
    found = scores("lpips", "kd_efflite0")(blacken, EXAMPLES, 4).means
    truth = EXAMPLES["image"].astype(np.float32) / 255
    completed = rounded(blacken(truth, EXAMPLES["mask"]))
    expected = kernel_distance(features(completed), features(truth)).value
    assert found["kd_efflite0"] == pytest.approx(expected, rel=1e-5)
    assert found["lpips"] == pytest.approx(np.abs(completed - truth).mean(), rel=1e-5)
    assert list(found) == [*HELD_OUT, "lpips", "kd_efflite0"]


def test_the_truth_is_looked_at_once(scores):
    measure = scores("kd_efflite0")
    assert measure(blacken, EXAMPLES, 4).means == measure(blacken, EXAMPLES, 4).means
    assert asked == [7, 7, 7]


def test_what_cannot_be_computed_is_refused(monkeypatch):
    def missing(mesh):
        raise MissingError("pip install what-is-missing")

    monkeypatch.setattr(held_out, "PERCEPTUAL", {"lpips": missing})
    with pytest.raises(UserError, match="has lpips: pip install what-is-missing, or leave it out"):
        HeldOutScores(["lpips"])
    with pytest.raises(UserError, match=r"needs pictures of 64 pixels: data.crop is 48"):
        HeldOutScores(["lpips"], 48)
