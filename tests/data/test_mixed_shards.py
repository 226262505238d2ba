"""Shards beside folders of pictures in one mixture: weights, resuming, held-out sets, refusals."""

from collections import Counter

import numpy as np
import pytest
from PIL import Image

from glcic_jax.data.mixture import Drawn, mean_of_drawn
from glcic_jax.data.shards import read_index
from glcic_jax.runtime.errors import UserError
from tests.data.test_mixture import config_of, dataset_of, drawn, write
from tests.helpers.prepared import run_here

FEW, MANY, SHARDS = 50, 200, 120
"""The red of each part's pictures."""


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """Two folders, of eight and 32 pictures, and shards of ten; a quarter or two are held out."""
    folder = tmp_path_factory.mktemp("parts")
    (folder / "source").mkdir()
    for number in range(10):  # so unlike one another that none passes for a copy
        pixels = np.full((48, 48, 3), (SHARDS, 20 * number, 0), np.uint8)
        Image.fromarray(pixels).save(folder / f"source/{number}.png")
    run_here(folder / "source", folder / "shards", size=48, shards=2)
    return write(folder / "few", 8, FEW), write(folder / "many", 32, MANY), folder / "shards"


def mixed(parts, **data):
    """Returns the config of a mixture in which shards come second."""
    few, many, prepared = map(str, parts)
    config = config_of((few, many), **data)
    config.data.more_roots = (prepared, many)
    return config


def colour_of(red):
    """Returns the part that a picture is of: shards hold JPEGs, whose colours are about right."""
    return min((FEW, MANY, SHARDS), key=lambda colour: abs(colour - red))


def test_weights_decide_how_often_shards_are_drawn(parts):
    dataset = dataset_of(mixed(parts, weights=(1.0, 5.0, 2.0)))
    found = drawn(dataset, 32)
    assert Counter(colour_of(red) for red, _ in found) == {FEW: 32, SHARDS: 160, MANY: 64}
    shown = Counter(number for red, number in found if colour_of(red) == SHARDS)
    assert set(shown.values()) == {20}  # eight pictures, as often as one another
    means = (1 * FEW + 5 * 255 * read_index(parts[2]).mean_pixel[0] + 2 * MANY) / 8 / 255
    np.testing.assert_allclose(dataset.mean_pixel[0], means, rtol=1e-6)


def test_without_weights_a_picture_in_shards_is_drawn_as_often_as_one_in_a_file(parts):
    pictures = Counter(drawn(dataset_of(mixed(parts)), 19))  # 152 draws of 6 + 8 + 24 pictures
    assert len(pictures) == 38
    assert set(pictures.values()) == {4}


@pytest.mark.parametrize("weights", [(), (1.0, 5.0, 2.0)])
def test_a_resumed_mixture_goes_on_bit_for_bit(parts, weights):
    """Crops and holes too, with other numbers of threads."""
    config = mixed(parts, weights=weights)
    config.data.update(resize=(40, 48), flip=True)
    stream = dataset_of(config).batches(0)
    whole = [next(stream) for _ in range(6)]
    config.data.threads = 2
    resumed = dataset_of(config).batches(4)
    for batch in whole[4:]:
        for name, array in next(resumed).items():
            np.testing.assert_array_equal(array, batch[name])


@pytest.mark.slow
def test_data_workers_draw_the_same(parts):
    config = mixed(parts, weights=(1.0, 5.0, 2.0))
    whole = drawn(dataset_of(config), 6)
    config.data.workers = 1
    assert drawn(dataset_of(config), 4, start=2) == whole[16:]


@pytest.mark.parametrize("source", ["folder", "shards"])
def test_each_part_is_read_as_what_it_holds(parts, source):
    """Whatever data.source names, and in any order."""
    few, many, prepared = map(str, parts)
    config = config_of((few, many), source=source)
    config.data.update(root=prepared, more_roots=(few,))
    dataset = dataset_of(config)
    assert {colour_of(red) for red, _ in drawn(dataset, 4)} == {FEW, SHARDS}
    held_out = [colour_of(red) for red in dataset.held_out["image"][:, 0, 0, 0].tolist()]
    assert held_out == [SHARDS, FEW, SHARDS, FEW, SHARDS, FEW]


def test_several_held_out_sets_have_their_names(parts):
    few, many, prepared = map(str, parts)
    sets = (f"night={many}", f"faces={prepared}")
    config = config_of((few, many), held_out_sets=sets)
    config.data.more_roots = ()
    more = dataset_of(config).more_held_out
    assert list(more) == ["night", "faces"]
    assert set(more["night"]["image"][:, 0, 0, 0].tolist()) == {MANY}
    faces = {tuple(map(int, pixel[:2])) for pixel in more["faces"]["image"][:, 0, 0]}
    assert {colour_of(red) for red, _ in faces} == {SHARDS}
    trained = config_of((prepared, few), source="shards")
    assert faces.isdisjoint(drawn(dataset_of(trained), 8))  # it is their held-out part


def test_measurements_have_the_mean_of_what_is_drawn():
    means = np.array([[10.0] * 3, [20.0] * 3, [90.0] * 3])
    assert mean_of_drawn(means.__getitem__, 3, None)[0] == pytest.approx(40 / 255)
    drawn = Drawn((2, 1), (1.0, 3.0))
    assert mean_of_drawn(means.__getitem__, 3, drawn)[0] == pytest.approx((15 + 3 * 90) / 4 / 255)


def test_folders_within_one_another_are_refused(parts, tmp_path):
    """What is held out of one would be trained on from the other."""
    few, many, _ = parts
    (tmp_path / "link").symlink_to(few)
    for root, other in ((few.parent, few), (few, few.parent), (few, few), (tmp_path / "link", few)):
        config = config_of((root, other))
        with pytest.raises(
            UserError, match=r"data.more_roots: .* lies within .* name folders apart"
        ):
            dataset_of(config)
    config = mixed(parts, weights=(1.0, 2.0))
    with pytest.raises(UserError, match=r"data.weights has 2 numbers, and .* name 3 folders"):
        dataset_of(config)
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    (damaged / "train-00000-of-00001.array_record").write_bytes(b"")
    with pytest.raises(UserError, match="damaged/index.json: .* not prepared to the end"):
        dataset_of(config_of((many, damaged)))
