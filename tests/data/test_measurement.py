"""Measurements: drawn once for each picture, and nothing of what they hide is ever read."""

import shutil
from functools import partial

import numpy as np
import pytest

from glcic_jax.data.mean_pixel import kept_at
from glcic_jax.data.measurement import MeasuredPictures
from glcic_jax.data.pipeline import make_dataset
from glcic_jax.data.sources import Files, open_source
from glcic_jax.data.transforms import framed
from glcic_jax.masks.kinds import make_hole
from glcic_jax.runtime.errors import UserError
from tests.helpers.pictures import photograph, save
from tests.helpers.streams import MEAN, assert_same, batches, config_for


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
    assert not kept_at(split.train).exists()  # and the whole pictures' mean is not measured


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
