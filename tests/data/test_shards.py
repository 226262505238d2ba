"""Reading prepared collections: what they promise, and the messages about broken ones."""

import json
import logging
import pickle
from functools import partial

import numpy as np
import pytest

from glcic_jax.data import shards as module
from glcic_jax.data.pipeline import make_dataset
from glcic_jax.data.shards import read_index, shards, verify
from glcic_jax.prepare.__main__ import main
from glcic_jax.runtime.errors import UserError
from tests.helpers.pictures import make_collection
from tests.helpers.prepared import LIMITS, run_here
from tests.helpers.small import small_config


@pytest.fixture
def prepared(tmp_path):
    run_here(make_collection(tmp_path / "source"), tmp_path / "prepared")
    return tmp_path / "prepared"


def first_shard(folder):
    return sorted(folder.glob("train*.array_record"))[0]


def change_index(folder, **fields):
    index = json.loads((folder / "index.json").read_text())
    (folder / "index.json").write_text(json.dumps(index | fields))


def test_training_reads_shards_and_takes_their_mean_pixel(prepared):
    config = small_config(data__source="shards", data__root=str(prepared), data__min_edge=8)
    dataset = make_dataset(config, seed=0, place=lambda batch: batch)
    assert dataset.mean_pixel == read_index(prepared).mean_pixel
    first, again = next(dataset.batches(0)), next(dataset.batches(0))
    assert first["image"].shape == (8, 32, 32, 3)
    np.testing.assert_array_equal(first["image"], again["image"])


def test_a_collection_travels_to_worker_processes(prepared):
    train = shards(str(prepared), **LIMITS).train
    expected = [train[i] for i in range(len(train))]
    copy = pickle.loads(pickle.dumps(train))
    for index in (31, 0, 17):
        np.testing.assert_array_equal(copy[index], expected[index])


def break_nothing(folder):
    pass


def remove_index(folder):
    (folder / "index.json").unlink()


def cut_index(folder):
    path = folder / "index.json"
    path.write_text(path.read_text()[:100])


def strange_index(folder):
    (folder / "index.json").write_text('{"version": 1}')


def later_index(folder):
    change_index(folder, version=2)


def remove_shard(folder):
    first_shard(folder).unlink()


def cut_shard(folder):
    path = first_shard(folder)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def other_records(folder):
    """Changes an index so that the sizes agree with the files and the numbers do not."""
    index = json.loads((folder / "index.json").read_text())
    index["shards"]["train"][0]["records"] += 1
    change_index(folder, shards=index["shards"])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            remove_index,
            r"index.json: no such file: the folder is not prepared to the end; run glcic",
        ),
        (cut_index, "index.json: cannot be read: .*; run glcic_jax.prepare again"),
        (strange_index, "index.json: no index of prepared pictures"),
        (later_index, "written in version 2 of the format, this program reads 1: prepare"),
        (remove_shard, r"train-00000-of-00004.array_record: no such file, but index.json lists it"),
        (
            cut_shard,
            r"train-00000-of-00004.array_record: [\d,]+ bytes, index.json lists [\d,]+; run",
        ),
        (other_records, r"of-00004.array_record: \d+ records, index.json lists \d+; run glcic"),
    ],
)
def test_broken_folders_are_refused_when_they_are_opened(prepared, damage, message):
    damage(prepared)
    for read in (partial(shards, **LIMITS), lambda root: verify(prepared)):
        with pytest.raises(UserError, match=message):
            read(str(prepared))


def test_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(UserError, match="nowhere: no such folder; set data.root to the --output"):
        shards(str(tmp_path / "nowhere"), **LIMITS)


def flip_a_byte(path):
    data = bytearray(path.read_bytes())
    data[2000] ^= 1  # in one of the first records
    path.write_bytes(data)


def test_damaged_records_are_named_and_passed_over(prepared, caplog):
    flip_a_byte(first_shard(prepared))
    train = shards(str(prepared), **LIMITS).train
    with caplog.at_level(logging.WARNING):
        assert all(train[i].shape[2] == 3 for i in range(len(train)))
    (message,) = caplog.messages
    assert "train-00000-of-00004.array_record: record" in message
    assert ".jpg)" in message or ".png)" in message  # the name that the picture had
    assert "the shard is damaged there" in message


def test_records_that_are_no_pictures_are_named_and_bounded(prepared, monkeypatch):
    def refuse(data, name):
        raise UserError(": not a picture that can be read")

    monkeypatch.setattr(module, "decode_bytes", refuse)
    train = shards(str(prepared), **LIMITS).train
    with pytest.raises(UserError, match="at least 17 of 32 pictures are unreadable or too small"):
        train[0]


def test_verify_finds_a_single_changed_bit(prepared, capsys):
    assert main(["--verify", str(prepared)]) == 0
    assert "40 pictures" in capsys.readouterr().out
    flip_a_byte(first_shard(prepared))
    assert main(["--verify", str(prepared)]) == 2
    assert "its bytes have changed: delete it, then run" in capsys.readouterr().err
