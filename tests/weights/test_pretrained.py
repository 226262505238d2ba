"""The network that comes with the package: what it is, whose pictures made it, what it does."""

import csv
import hashlib
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data

import glcic_jax
from configs import finetune, pretrained
from glcic_jax.complete.__main__ import main as complete
from glcic_jax.demo import __main__ as demo
from glcic_jax.masks.shapes import boxes
from glcic_jax.methods.by_name import METHODS
from glcic_jax.methods.procedural.fills import FILLS
from glcic_jax.runtime.run_folder import FORMAT
from glcic_jax.settings.check import with_defaults
from glcic_jax.weights.address import locate
from glcic_jax.weights.exchange import read_exchange
from glcic_jax.weights.pretrained import BUNDLED
from tests.helpers.small import MEAN, small_config

ROOT = Path(__file__).parents[2]
GOLDEN = dict(np.load(ROOT / "tests" / "golden" / "pretrained.npz"))
SHA256 = "0995e02df697d59bd5f1ca93cdf24190016b955a91049edca00f23e5b114e045"
LARGEST = 8 * 10**6
"""Bytes of the folder."""


@pytest.fixture(scope="module")
def completer():
    return glcic_jax.load(texture=False)


def test_it_is_the_file_that_was_measured_and_is_small():
    assert hashlib.sha256((BUNDLED / "model.safetensors").read_bytes()).hexdigest() == SHA256
    assert sum(path.stat().st_size for path in BUNDLED.iterdir() if path.is_file()) < LARGEST


def test_it_was_trained_by_the_config_of_its_name():
    theirs = read_exchange(BUNDLED).run
    ours = pretrained.get_config("runs/pretrained_128").to_dict()
    assert theirs is not None
    own = {"root", "held_out_list", "held_out_examples", "mean_pixel", "threads", "workers"}
    ours, theirs = with_defaults(ours), with_defaults(theirs)  # it was trained by an older version
    for config in (ours, theirs):
        config["data"] = {k: v for k, v in config["data"].items() if k not in own}
        for name in ("cpu_devices", "every", "perceptual"):  # where it ran, and what it reported
            config.pop(name)
    assert json.loads(json.dumps(theirs)) == json.loads(json.dumps(ours))


def test_everybody_whose_photograph_it_saw_is_named():
    rows = list(csv.DictReader((BUNDLED / "attribution.csv").read_text("utf-8").splitlines()))
    seen = [row for row in rows if "/train/" in row["file"]]
    assert len(seen) == len({row["file"] for row in seen}) == 950 + 1_831
    terms = (BUNDLED / "LICENCES.txt").read_text("utf-8")
    for row in rows:
        assert row["author"] and "://" in row["source"]
        assert row["licence"].startswith("https://creativecommons.org/") or row["licence"] in terms


def test_a_golden_completion(completer):
    completed = completer(GOLDEN["image"], GOLDEN["mask"], postprocess=False)
    difference = np.abs(completed.astype(int) - GOLDEN["completed"])
    assert difference.max() <= 2
    assert difference.mean() < 0.05
    assert difference[GOLDEN["mask"] == 0].max() == 0


@pytest.mark.slow
@pytest.mark.reference
def test_it_is_ahead_of_the_fills_on_photographs_that_it_never_saw(completer):
    """Divides squared errors in holes of 24 pixels by the fill's, in scikit-image's photographs."""
    photographs = [data.astronaut(), data.chelsea(), data.coffee(), data.rocket()]
    scaled = [cv2.resize(p, (384, 256), interpolation=cv2.INTER_AREA) for p in photographs]
    ratios = {"laplace": [], "telea": []}
    for seed, photograph in enumerate(scaled):
        rng = np.random.default_rng(seed)
        drawn = boxes(rng, 256, 384, fewest=8, most=8, shortest=24, longest=24)
        mask, hole = drawn[..., 0], drawn[None].astype(np.float32)
        image = photograph[None] / np.float32(255)

        def error(completed, mask=mask, photograph=photograph):
            return np.square(completed[mask > 0] / 255 - photograph[mask > 0] / 255).mean()

        ours = error(completer(photograph, mask, postprocess=False))
        for name, found in ratios.items():
            found.append(ours / error(np.asarray(FILLS[name](image, hole))[0] * 255))
    for name, found in ratios.items():
        assert np.exp(np.log(found).mean()) < 1, (name, found)


def test_the_command_takes_it_where_none_is_named(tmp_path, completer):
    cv2.imwrite(str(tmp_path / "photo.png"), GOLDEN["image"][..., ::-1])
    cv2.imwrite(str(tmp_path / "mask.png"), GOLDEN["mask"] * 255)
    files = [f"--{k}={tmp_path / f'{v}.png'}" for k, v in
             (("image", "photo"), ("mask", "mask"), ("output", "out"))]  # fmt: skip
    assert complete(files) == 0
    written = cv2.imread(str(tmp_path / "out.png"))[..., ::-1]
    expected = completer(GOLDEN["image"], GOLDEN["mask"], texture=True)
    np.testing.assert_array_equal(written, expected)


def test_the_page_serves_it_where_none_is_named():
    assert demo.parse([]).checkpoint == [str(BUNDLED)]


def test_its_name_stands_for_it_unless_a_folder_has_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert locate("pretrained") == (BUNDLED, None)
    (tmp_path / "pretrained").mkdir()
    assert locate("pretrained") == (Path("pretrained"), None)


def test_runs_start_from_it():
    tuned = finetune.get_config("pretrained")
    assert tuned.smooth_holes and tuned.optimizer.name == "adam"
    assert sum(tuned.phases.values()) == tuned.optimizer.cosine  # to the end of the falling rate
    assert not tuned.perceptual  # nothing that the user lacks
    METHODS["glcic"](tuned, MEAN)  # its settings fit together


@pytest.mark.parametrize("judged", [(), ("local",)])
@pytest.mark.parametrize("falls", [{"cosine": 9_000}, {"steps": (9_000,)}])
def test_the_schedule_of_a_start_is_not_that_of_fine_tuning(tmp_path, falls, judged):
    own = small_config(discriminators=judged)
    own.optimizer.update(falls, warm_up=9_000)
    content = {"format": FORMAT, "config": own.to_dict(), "starts": []}
    (tmp_path / "config.json").write_text(json.dumps(content))
    tuned = finetune.get_config(str(tmp_path))
    length = sum(tuned.phases.values()) if "cosine" in falls else 0  # none stands still at 0
    assert tuned.optimizer.cosine == length
    assert not tuned.optimizer.steps and not tuned.optimizer.warm_up


def test_a_config_that_starts_from_it_leaves_the_devices_asleep():
    """Sets the devices' number after reading the config, as a run does; it fails once they run."""
    lines = (
        "import jax",
        "from configs import finetune",
        "finetune.get_config('pretrained')",
        "jax.config.update('jax_num_cpu_devices', 2)",  # an error once they are awake
    )
    subprocess.run([sys.executable, "-c", "\n".join(lines)], check=True, cwd=ROOT)


def test_packages_bring_all_its_files():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    patterns = project["tool"]["setuptools"]["package-data"]["glcic_jax.weights.pretrained"]
    brought = {path.name for pattern in patterns for path in BUNDLED.glob(pattern)}
    files = {path.name for path in BUNDLED.iterdir() if path.is_file()}
    assert brought == files - {"__init__.py"}
    assert {
        "model.safetensors",
        "config.json",
        "README.md",
        "attribution.csv",
        "LICENCES.txt",
    } <= brought
