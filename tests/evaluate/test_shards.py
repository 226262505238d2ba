"""Pictures that `glcic_jax.prepare` wrote are judged on: the held-out part of its shards."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from glcic_jax.evaluate.__main__ import main
from glcic_jax.evaluate.checking import check_examples
from glcic_jax.evaluate.examples import Examples
from glcic_jax.runtime.errors import UserError
from tests.helpers.pictures import make_collection
from tests.helpers.prepared import names, run_here
from tests.helpers.reports import contents

SKIP = ["--skip", "lpips", "st_lpips", "efflite0"]


@pytest.fixture(scope="module")
def collections(tmp_path_factory):
    """Prepares pictures as shards, and keeps the held-out ones as files of the same pixels."""
    folder = tmp_path_factory.mktemp("collections")
    run_here(make_collection(folder / "source"), folder / "shards")
    shards = Examples(folder / "shards", "center")
    for index, name in enumerate(shards.names):
        path = (folder / "files" / name).with_suffix(".png")
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(shards[index].image).save(path)
        hole = np.zeros(shards[index].mask.shape, np.uint8)
        hole[4:9, 2 : 9 + index] = 255
        (folder / "masks" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(hole).save((folder / "masks" / name).with_suffix(".png"))
    return folder


def copied(collections, place):
    """Returns a copy of the shards, to be damaged."""
    return shutil.copytree(collections / "shards", place / "shards")


def test_held_out_pictures_are_read_under_their_own_names(collections):
    shards = Examples(collections / "shards", "center")
    files = Examples(collections / "files", "center")
    assert shards.names == names(collections / "shards", "held_out")
    by_name = {Path(files.names[n]).with_suffix(""): files[n] for n in range(len(files))}
    for index, name in enumerate(shards.names):
        example = shards[index]
        np.testing.assert_array_equal(example.image, by_name[Path(name).with_suffix("")].image)
        np.testing.assert_array_equal(example.mask, by_name[Path(name).with_suffix("")].mask)


def test_holes_stay_the_same_and_follow_the_seed(collections):
    def digests(seed):
        return check_examples(Examples(collections / "shards", "box", seed=seed)).digests

    assert digests(0) == digests(0)
    assert digests(0)["data"] == digests(1)["data"]
    assert digests(0)["masks"] != digests(1)["masks"]


def test_masks_belong_to_pictures_by_the_names_they_had(collections):
    shards = Examples(collections / "shards", str(collections / "masks"))
    for index in range(len(shards)):
        assert shards[index].mask.sum() == 5 * (7 + index)


def test_a_report_of_shards_is_the_same_twice(collections, tmp_path, caplog):
    for name in ("a", "b"):
        flags = ["--methods", "mean", "--masks", "box", "--output", str(tmp_path / name), *SKIP]
        assert main(["--data", str(collections / "shards"), *flags]) == 0
    a, b = (contents(tmp_path / name) for name in ("a", "b"))
    changing = {Path("times.json"), Path("index.html")}
    assert {n: a[n] for n in a.keys() - changing} == {n: b[n] for n in b.keys() - changing}
    assert f"--data {collections / 'shards'}: the held-out part of shards: 8 pic" in caplog.text


def remove_index(folder):
    (folder / "index.json").unlink()


def remove_names(folder):
    next(folder.glob("held_out-*-of-*.json")).unlink()


def damage_record(folder):
    path = next(folder.glob("held_out-*.array_record"))
    content = bytearray(path.read_bytes())
    content[2000] ^= 1  # in one of the first records
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (remove_index, "index.json: no such file: the folder is not prepared to the end"),
        (remove_names, "held_out-.*json: missing or damaged; run glcic_jax.prepare again"),
        (damage_record, "held_out-.*array_record: record .*the shard is damaged there"),
    ],
)
def test_damaged_shards_are_refused_in_one_line(collections, tmp_path, damage, message):
    folder = copied(collections, tmp_path)
    damage(folder)
    with pytest.raises(UserError, match=message) as refusal:
        check_examples(Examples(folder, "box"))
    assert "\n" not in str(refusal.value)
