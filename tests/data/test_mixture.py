"""Several folders as one collection: by pictures, by weights, and sets that are scored apart."""

from collections import Counter

import numpy as np
import pytest
from PIL import Image

from glcic_jax.data.mixture import Alternating, Joined, joined, named_sets, open_sources
from glcic_jax.data.pipeline import make_dataset
from glcic_jax.data.sources import Arrays, folder
from glcic_jax.runtime.errors import UserError
from tests.helpers.small import small_config

LIMITS = {"min_edge": 16, "max_bad_fraction": 0.5}


def write(path, count, colour, held_out=0):
    """Writes pictures of one colour each: their red is the folder's, their green their number."""
    path.mkdir()
    for number in range(count):
        pixels = np.full((48, 48, 3), (colour, number, 0), np.uint8)
        Image.fromarray(pixels).save(path / f"{number:02}.png")
    return path


@pytest.fixture
def folders(tmp_path):
    return write(tmp_path / "few", 8, 50), write(tmp_path / "many", 32, 200)


def config_of(folders, **data):
    config = small_config()
    few, many = map(str, folders)
    config.data.update(root=few, held_out=0.25, held_out_examples=6, min_edge=16, batch_size=8)
    config.data.threads = 0
    with config.unlocked():
        config.data.update(more_roots=(many,), **data)
    return config


def drawn(dataset, batches, start=0):
    """The (folder's colour, number) of the pictures of some batches."""
    stream = dataset.batches(start)
    pixels = [next(stream)["image"][:, 0, 0] for _ in range(batches)]
    return [tuple(map(int, pixel[:2])) for pixel in np.concatenate(pixels)]


def dataset_of(config):
    return make_dataset(config, seed=3, place=lambda batch: batch)


def test_without_weights_every_picture_is_drawn_as_often(folders):
    dataset = dataset_of(config_of(folders))
    pictures = Counter(drawn(dataset, 15))  # 120 draws of 6 + 24 pictures
    assert len(pictures) == 30
    assert set(pictures.values()) == {4}
    assert dataset.listing["list of training pictures"].startswith("30 (")
    expected = [(6 * 50 + 24 * 200) / 30 / 255]
    np.testing.assert_allclose(dataset.mean_pixel[:1], expected, rtol=1e-6)


def test_weights_decide_how_often_a_folder_is_drawn(folders):
    dataset = dataset_of(config_of(folders, weights=(3.0, 1.0)))
    found = drawn(dataset, 32)
    colours = Counter(colour for colour, _ in found)
    assert colours == {50: 192, 200: 64}
    few = Counter(number for colour, number in found if colour == 50)
    assert set(few.values()) == {32}  # each part has epochs of its own
    np.testing.assert_allclose(dataset.mean_pixel[0], (3 * 50 + 200) / 4 / 255, rtol=1e-6)


def test_a_resumed_run_draws_what_it_would_have_drawn(folders):
    config = config_of(folders, weights=(3.0, 1.0))
    whole = drawn(dataset_of(config), 6)
    assert drawn(dataset_of(config), 3, start=3) == whole[24:]
    config.data.threads = 2
    assert drawn(dataset_of(config), 6) == whole


def test_held_out_pictures_take_turns(folders):
    dataset = dataset_of(config_of(folders))
    colours = dataset.held_out["image"][:, 0, 0, 0].tolist()
    assert colours == [50, 200, 50, 200, 200, 200]  # the first folder holds two out


def test_named_sets_are_examples_of_their_own(folders, tmp_path):
    faces = write(tmp_path / "elsewhere", 3, 120)
    config = config_of(folders, held_out_sets=(f"faces={faces}",))
    dataset = dataset_of(config)
    assert list(dataset.more_held_out) == ["faces"]
    assert set(dataset.more_held_out["faces"]["image"][:, 0, 0, 0]) == {120}
    without = dataset_of(config_of(folders))
    np.testing.assert_array_equal(dataset.held_out["image"], without.held_out["image"])


def test_joined_collections_find_each_others_numbers():
    parts = [Arrays([np.full((2, 2, 3), 10 * n + i, np.uint8) for i in range(n)]) for n in (2, 3)]
    pictures = Joined(parts)
    assert [int(pictures[i][0, 0, 0]) for i in range(5)] == [20, 21, 30, 31, 32]
    assert pictures.find(3)[0] == 3
    turns = Alternating(parts)
    assert [int(turns[i][0, 0, 0]) for i in range(5)] == [20, 30, 21, 31, 32]
    assert [turns.find(i)[0] for i in range(5)] == [0, 2, 1, 3, 4]
    assert Joined(parts).listing() != Joined(parts[::-1]).listing()


def test_what_does_not_go_together_is_refused(folders, tmp_path):
    splits = [folder(str(path), held_out=0.25, **LIMITS) for path in folders]
    with pytest.raises(UserError, match="data.weights has 3 numbers"):
        joined(splits, (1.0, 2.0, 3.0))
    config = config_of(folders, held_out_list="list.txt")
    with pytest.raises(UserError, match="set data.source to folder or shards, and"):
        dataset_of(config)
    alone = config_of(folders, weights=(1.0, 2.0))
    alone.data.more_roots = ()
    with pytest.raises(UserError, match="data.weights has 2 numbers, and .* name 1 folders"):
        dataset_of(alone)
    (tmp_path / "empty").mkdir()
    (tmp_path / "shards").mkdir()
    (tmp_path / "shards/a.array_record").touch()
    for entries, message in (
        (["faces"], "write NAME=FOLDER"),
        ([f"a/b={folders[0]}"], "write NAME=FOLDER"),
        ([f"a={folders[0]}", f"a={folders[1]}"], "each NAME once"),
        (["a=none"], "^data.held_out_sets: none: no such folder: name folders of"),
        ([f"a={tmp_path / 'empty'}"], "^data.held_out_sets: .*empty: no pictures"),
        ([f"a={tmp_path / 'shards'}"], "^data.held_out_sets: .*index.json: no such file"),
    ):
        with pytest.raises(UserError, match=message):
            named_sets(entries, **LIMITS)


@pytest.mark.parametrize(
    ("root", "more", "message"),
    [
        ("none", ("few",), "none: no such folder; set data.root to the folder of the pictures"),
        ("few", ("none",), "data.more_roots: none: no such folder: name folders of pictures or of"),
        ("few", ("many", ""), "data.more_roots has an empty name"),
        ("few", ("many", "empty"), "data.more_roots: empty: no pictures"),
        ("few", ("one",), "data.more_roots: one: 1 pictures leave 0 to train on"),
        ("few", ("shards",), "data.more_roots: shards/index.json: no such file"),
    ],
)
def test_a_folder_that_is_none_is_refused_by_its_field(
    folders, tmp_path, monkeypatch, root, more, message
):
    monkeypatch.chdir(tmp_path)
    for name in ("empty", "shards"):
        (tmp_path / name).mkdir()
    (tmp_path / "shards/a.array_record").touch()
    write(tmp_path / "one", 1, 9)
    config = config_of(folders)
    config.data.update(root=root, more_roots=more)
    with pytest.raises(UserError, match=f"^{message}"):
        open_sources(config.data)


def test_a_list_of_held_out_pictures_is_refused_by_its_field(folders, tmp_path):
    (tmp_path / "list.txt").write_text("99.png")
    for name, message in (("none", "No such file"), ("list", "99.png is not a picture below")):
        with pytest.raises(UserError, match=f"^data.held_out_list: .*{name}.txt: {message}"):
            folder(str(folders[0]), held_out=str(tmp_path / f"{name}.txt"), **LIMITS)
