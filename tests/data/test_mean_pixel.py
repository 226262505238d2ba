"""The mean pixel: how it is measured, where it is kept, and when it is measured anew."""

import json
import os
from functools import partial

import numpy as np
import pytest
from PIL import Image

from glcic_jax.data.mean_pixel import kept_at, measure_mean, read_or_measure_mean
from glcic_jax.data.pipeline import make_dataset
from glcic_jax.data.sources import Arrays, Files, open_source
from glcic_jax.runtime.process import user_cache
from tests.helpers.streams import MEAN, config_for

WRONG = (0.1, 0.2, 0.3)
"""What no picture here measures: where it comes back, it was read."""


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "pictures").mkdir()
    for number in range(12):
        save(tmp_path / "pictures" / f"{number}.png", number)
    return tmp_path / "pictures"


def save(path, seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (40, 50, 3), np.uint8)
    Image.fromarray(pixels).save(path)


def training(root, **changes):
    source = open_source(config_for(root, **changes).data).train
    assert isinstance(source, Files)
    return source


def mean_of(root, **changes):
    return read_or_measure_mean(open_source(config_for(root, **changes).data))


def keep_wrong(root):
    """Replaces what is kept, so that reading and measuring differ."""
    path = kept_at(training(root))
    path.write_text(json.dumps(json.loads(path.read_text()) | {"mean_pixel": WRONG}))
    assert mean_of(root) == WRONG


def test_mean_pixel_weighs_every_picture_alike():
    images = [np.full((4, 4, 3), 255, np.uint8), np.zeros((40, 90, 3), np.uint8)]
    images[1][..., 2] = 51
    np.testing.assert_allclose(measure_mean(Arrays(images)), (0.5, 0.5, 0.6))
    assert measure_mean(Arrays(images * 50), limit=10) == measure_mean(Arrays(images))


def test_it_is_kept_in_the_users_cache_and_nothing_beside_the_pictures(root):
    before = {path: path.stat().st_mtime_ns for path in (root, *root.iterdir())}
    measured = mean_of(root)
    assert {path: path.stat().st_mtime_ns for path in (root, *root.iterdir())} == before
    (kept,) = (user_cache() / "mean_pixels").iterdir()  # no temporary file either
    assert kept == kept_at(training(root))
    assert json.loads(kept.read_text()) == {"mean_pixel": list(measured), "folder": str(root)}
    keep_wrong(root)
    make = partial(make_dataset, config_for(root), seed=0, place=lambda batch: batch)
    assert make().mean_pixel == WRONG
    assert make(mean_pixel=MEAN).mean_pixel == MEAN
    kept.unlink()
    assert mean_of(root) == measured


def added(root):
    save(root / "added.png", 99)


def removed(root):
    (root / training(root).names[0]).unlink()


def replaced(root):
    """Same name and, as these pictures are noise, hardly another size: but a later time."""
    path = root / training(root).names[0]
    time = path.stat().st_mtime_ns + 1_000_000_000
    save(path, 99)
    os.utime(path, ns=(time, time))


@pytest.mark.parametrize("change", [added, removed, replaced])
def test_a_changed_collection_is_measured_anew(root, change):
    mean_of(root)
    keep_wrong(root)
    change(root)
    assert mean_of(root) == measure_mean(training(root))


def test_other_settings_and_other_folders_have_their_own(root):
    mean_of(root)
    keep_wrong(root)
    root.with_name("copy").mkdir()
    for path in root.iterdir():
        save(root.with_name("copy") / path.name, 99)
    assert mean_of(root.with_name("copy")) != WRONG
    for changes in ({"held_out": 0.5}, {"min_edge": 20}):
        assert mean_of(root, **changes) == measure_mean(training(root, **changes))
    assert mean_of(root) == WRONG


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"mean_pixel": [1, 2]}', '{"mean_pixel": 0.5}']
)
def test_what_this_program_did_not_keep_is_measured(root, content):
    measured = mean_of(root)
    kept_at(training(root)).write_text(content)
    assert mean_of(root) == measured


def test_a_cache_that_cannot_be_written_stops_nothing(root, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert mean_of(root) == measure_mean(training(root))


def test_a_file_that_the_version_before_left_is_not_read(root):
    (root / ".mean_pixel.json").write_text(
        json.dumps({"mean_pixel": WRONG, "pictures": training(root).listing()})
    )
    assert mean_of(root) == measure_mean(training(root))
    assert (root / ".mean_pixel.json").exists()  # it is the user's folder
