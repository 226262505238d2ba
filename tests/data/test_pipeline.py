"""The stream is a function of seed and step alone, whatever reads it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

from glcic_jax.data.measurement import MeasuredPictures
from glcic_jax.data.pipeline import MEAN_FILE, make_dataset, measure_mean, open_source
from glcic_jax.data.sources import Arrays, Files
from glcic_jax.data.transforms import framed
from glcic_jax.masks.kinds import make_hole
from glcic_jax.runtime.devices import make_mesh, shard
from glcic_jax.runtime.errors import UserError
from tests.helpers.pictures import photograph, save
from tests.helpers.small import small_config

MEAN = (0.4, 0.5, 0.6)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for number in range(12):
        pixels = rng.integers(0, 256, (40, 50, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder


def config_for(root, **changes):
    config = small_config(data__root=str(root), data__held_out=0.25, data__held_out_examples=5)
    config.data.min_edge = 16
    config.data.update(changes)
    return config


def batches(config, step, count, place=lambda batch: batch, seed=0):
    stream = make_dataset(config, seed=seed, place=place, mean_pixel=MEAN).batches(step)
    return [jax.tree.map(np.asarray, next(stream)) for _ in range(count)]


def assert_same(ours, theirs):
    for a, b in zip(ours, theirs, strict=True):
        assert a.keys() == b.keys()
        for name in a:
            np.testing.assert_array_equal(a[name], b[name])


@pytest.fixture(scope="module")
def whole(root):
    return batches(config_for(root), 0, 6)


def test_batches_have_the_promised_form(whole):
    forms = {name: (array.shape, array.dtype) for name, array in whole[0].items()}
    assert forms == {
        "image": ((8, 32, 32, 3), np.uint8),
        "mask": ((8, 32, 32, 1), np.uint8),
        "other_mask": ((8, 32, 32, 1), np.uint8),
    }


def test_every_picture_of_a_batch_has_its_own_hole(whole):
    assert len({mask.tobytes() for mask in whole[0]["mask"]}) == 8


def test_threads_and_workers_change_nothing(root, whole):
    for changes in ({"threads": 0}, {"threads": 8}, {"workers": 2}):
        assert_same(batches(config_for(root, **changes), 0, 3), whole[:3])


def test_the_number_of_devices_changes_nothing(root, whole):
    for count in (1, 4):
        mesh = make_mesh(jax.devices()[:count])
        assert_same(batches(config_for(root), 0, 2, partial(shard, mesh)), whole[:2])


def test_a_resumed_stream_goes_on_where_it_was_cut(root, whole):
    for step in (1, 4):
        assert_same(batches(config_for(root), step, 6 - step), whole[step:])


def test_another_seed_gives_other_batches(root, whole):
    (other,) = batches(config_for(root), 0, 1, seed=1)
    assert (other["image"] != whole[0]["image"]).any()
    assert (other["mask"] != whole[0]["mask"]).any()


def test_every_epoch_is_complete_and_in_another_order(tmp_path):
    for number in range(10):
        Image.new("RGB", (32, 32), (number * 20,) * 3).save(tmp_path / f"{number}.png")
    config = config_for(tmp_path, batch_size=8, resize=(32, 32), held_out=0.2)
    drawn = np.concatenate([b["image"][:, 0, 0, 0] for b in batches(config, 0, 3)])
    epochs = drawn.reshape(3, 8).tolist()  # eight pictures to train on, eight to a batch
    assert len({tuple(sorted(epoch)) for epoch in epochs}) == 1
    assert len(set(epochs[0])) == 8
    assert len({tuple(epoch) for epoch in epochs}) > 1


def test_held_out_examples_are_fixed(root):
    first, second = (
        make_dataset(config_for(root, threads=t), seed=0, place=lambda b: b, mean_pixel=MEAN)
        for t in (0, 4)
    )
    assert first.held_out["image"].shape == (5, 32, 32, 3)
    assert_same([first.held_out], [second.held_out])
    assert len({mask.tobytes() for mask in first.held_out["mask"]}) == 5


def test_mean_pixel_weighs_every_picture_alike():
    images = [np.full((4, 4, 3), 255, np.uint8), np.zeros((40, 90, 3), np.uint8)]
    images[1][..., 2] = 51
    np.testing.assert_allclose(measure_mean(Arrays(images)), (0.5, 0.5, 0.6))
    assert measure_mean(Arrays(images * 50), limit=10) == measure_mean(Arrays(images))


def test_mean_pixel_is_kept_beside_the_pictures_until_they_change(root):
    make = partial(make_dataset, seed=0, place=lambda b: b)
    measured = make(config_for(root)).mean_pixel
    kept = json.loads((root / MEAN_FILE).read_text())
    assert tuple(kept["mean_pixel"]) == measured
    (root / MEAN_FILE).write_text(json.dumps(kept | {"mean_pixel": [0.1, 0.2, 0.3]}))
    assert make(config_for(root)).mean_pixel == (0.1, 0.2, 0.3)
    assert make(config_for(root, held_out=0.5)).mean_pixel != (0.1, 0.2, 0.3)
    assert make(config_for(root), mean_pixel=MEAN).mean_pixel == MEAN


WORKERS = """
import sys
from pathlib import Path
from absl import flags
from tests.data.test_pipeline import batches, config_for
if __name__ == "__main__":
    flags.FLAGS.mark_as_parsed()
    from glcic_jax.data.pipeline import make_dataset
    config = config_for(Path(sys.argv[1]), workers=2)
    dataset = make_dataset(config, seed=0, place=lambda b: b, mean_pixel=(0, 0, 0))
    stream = dataset.batches(0)
    next(stream)
    print("reading", flush=True)
    while True:
        next(stream)
"""


def processes_reading(folder) -> int:
    """Counts the Python processes that were started for `folder`, workers included."""
    group = 0
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            group += f"WORKERS_OF={folder}".encode() in path.read_bytes()
        except OSError:
            continue
    return group


def test_workers_end_with_a_killed_main_process(root, tmp_path):
    script = tmp_path / "reader.py"
    script.write_text(WORKERS)
    env = os.environ | {"PYTHONPATH": str(Path.cwd()), "WORKERS_OF": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, str(script), str(root)],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "reading\n"
        assert processes_reading(tmp_path) >= 3
        reader.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 60  # a worker that is still importing first comes to its end
    while processes_reading(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert processes_reading(tmp_path) == 0


def test_unknown_source_is_refused(root):
    with pytest.raises(UserError, match="choose folder, shards, scikit_image"):
        make_dataset(config_for(root, source="web"), seed=0, place=lambda b: b)


# Measurements ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def measured_root(tmp_path_factory):
    """Writes pictures as large as the crop, so that it is known which pixels will be hidden."""
    folder = tmp_path_factory.mktemp("square")
    for number in range(24):
        save(folder / f"{number:02}.png", photograph(number, 32, 32))
    return folder


def measured_config(root, **changes):
    config = config_for(root, resize=(32, 32), **changes)
    config.data.measurement = {"noise": 0.0}
    config.holes.update(shortest=12, longest=12)
    return config


def by_picture(stream):
    """Returns the measurements in some batches, by the picture's known pixels and hole."""
    seen = {}
    for batch in stream:
        for image, mask in zip(batch["image"], batch["mask"], strict=True):
            seen.setdefault(image.tobytes(), set()).add(mask.tobytes())
    return seen


def test_a_picture_is_measured_once_for_all_epochs(measured_root):
    config = measured_config(measured_root, batch_size=6)
    config.data.resize = (32, 40)  # scale and place are drawn once too
    stream = batches(config, 0, 12)  # 18 pictures: four epochs
    seen = by_picture(stream)
    assert len(seen) == 18
    assert all(len(masks) == 1 for masks in seen.values())
    for batch in stream:
        assert (
            batch["image"][np.broadcast_to(batch["mask"] > 0, batch["image"].shape)] == 255
        ).all()
        assert (batch["mask"].sum(axis=(1, 2, 3)) == 144).all()
    fresh = {mask.tobytes() for batch in stream for mask in batch["other_mask"]}
    assert len(fresh) > 40  # another one each time


def test_nothing_of_what_is_hidden_reaches_the_training(measured_root, tmp_path):
    """Changes the pixels that measurements hide; all must stay the same bit for bit."""
    config = measured_config(measured_root)
    split = open_source(config.data)
    assert isinstance(split.train, Files)
    shutil.copytree(measured_root, tmp_path / "poisoned")
    rng = np.random.default_rng(1)
    hole = make_hole(config.holes, 32, 32)
    frame = partial(framed, resize=(32, 32), crop=32, flip=False)
    measurements = MeasuredPictures(split.train, frame=frame, hole=hole, noise=0.0, seed=0)
    for number, name in enumerate(split.train.names):
        mask, image = measurements[number]["mask"], split.train[number]
        poison = rng.integers(0, 256, image.shape, np.uint8)
        assert (np.where(mask > 0, poison, image) != image).any()
        save(tmp_path / "poisoned" / name, np.where(mask > 0, poison, image))
    make = partial(make_dataset, seed=0, place=lambda batch: batch)
    clean, poisoned = make(config), make(measured_config(tmp_path / "poisoned"))
    assert clean.mean_pixel == poisoned.mean_pixel
    streams = clean.batches(0), poisoned.batches(0)
    for _ in range(6):
        assert_same([next(streams[0])], [next(streams[1])])
    assert not (measured_root / MEAN_FILE).exists()  # and the whole pictures' mean is not kept


def test_held_out_pictures_stay_whole(measured_root):
    make = partial(make_dataset, seed=0, place=lambda batch: batch, mean_pixel=MEAN)
    whole = measured_config(measured_root)
    del whole.data.measurement
    assert_same([make(measured_config(measured_root)).held_out], [make(whole).held_out])


def test_the_mean_pixel_is_that_of_known_pixels(tmp_path):
    for number in range(12):
        save(tmp_path / f"{number}.png", np.full((32, 32, 3), 51, np.uint8))
    dataset = make_dataset(measured_config(tmp_path), seed=0, place=lambda batch: batch)
    np.testing.assert_allclose(dataset.mean_pixel, 0.2)  # no white of the holes in it


def test_a_bad_pictures_substitute_is_measured_as_itself(measured_root, tmp_path):
    shutil.copytree(measured_root, tmp_path / "bad")
    (tmp_path / "bad" / "05.png").write_bytes(b"no picture")
    config = measured_config(tmp_path / "bad", max_bad_fraction=0.5)
    seen = by_picture(batches(config, 0, 5))  # two epochs
    assert len(seen) == 17
    assert all(len(masks) == 1 for masks in seen.values())


def test_noise_is_drawn_once_and_has_the_deviation_asked_for(tmp_path):
    for number in range(12):
        save(tmp_path / f"{number}.png", np.full((32, 32, 3), 128, np.uint8))
    config = measured_config(tmp_path)
    config.data.measurement.noise = 0.1
    drawn = batches(config, 0, 9)
    images, masks = (np.concatenate([b[name] for b in drawn]) for name in ("image", "mask"))
    known = images[masks[..., 0] == 0].astype(float)
    np.testing.assert_allclose((known.mean(), known.std()), (128, 25.5), rtol=0.02)
    assert len({image.tobytes() for image in images}) == 9
    config.data.measurement.noise = 1.5
    with pytest.raises(UserError, match="data.measurement.noise is 1.5"):
        batches(config, 0, 1)
