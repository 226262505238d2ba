"""A run and weights that commit 936b96c wrote, before the package's folders were moved.

golden/run_936b96c.zip holds the run (cut after 5 of 6 updates), its pictures, weights that its
finished twin was converted to, the twin's metrics.jsonl, and completions of one photograph by both.
"""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from ml_collections import ConfigDict

import glcic_jax
from glcic_jax.convert.__main__ import main as convert
from glcic_jax.main import run
from glcic_jax.runtime.run_folder import read_records
from tests.helpers.pictures import photograph

GOLDEN = Path(__file__).parents[1] / "golden" / "run_936b96c.zip"


@pytest.fixture
def before(tmp_path, monkeypatch):
    zipfile.ZipFile(GOLDEN).extractall(tmp_path)
    monkeypatch.chdir(tmp_path)  # the run's config names its pictures from there
    return tmp_path


def completed(address):
    image = photograph(99)
    mask = np.zeros(image.shape[:2], np.uint8)
    mask[10:22, 20:35] = 255
    return glcic_jax.load(address)(image, mask).astype(int)


def test_they_complete_as_before_and_convert(before):
    expected = np.load(before / "expected.npz")
    for address, source in (
        ("run", "run"),
        ("run@5", "run"),
        ("weights", "weights"),
        ("weights/model.safetensors", "weights"),
    ):
        assert np.abs(completed(address) - expected[source]).max() <= 1, address
    assert convert(["run", "again"]) == 0
    np.testing.assert_array_equal(completed("again"), completed("run"))


@pytest.mark.slow
def test_the_run_resumes_and_goes_on_as_its_twin_did(before):
    config = ConfigDict(json.loads((before / "run" / "config.json").read_text()))
    run(config, before / "run")
    lines = (before / "expected.jsonl").read_text().splitlines()
    wanted = {(r["kind"], r["step"]): r for r in map(json.loads, lines)}
    found = {(r["kind"], r["step"]): r for r in read_records(before / "run")}
    assert found.keys() == wanted.keys()
    for name in ("loss/mse", "loss/adversarial", "loss/discriminator"):
        assert found["train", 6][name] == pytest.approx(wanted["train", 6][name], rel=1e-4)
    for name in ("held_out/l1", "held_out/psnr", "held_out/ssim"):
        assert found["held_out", 6][name] == pytest.approx(wanted["held_out", 6][name], rel=1e-4)
    assert (before / "run" / "checkpoints" / "6").is_dir()
