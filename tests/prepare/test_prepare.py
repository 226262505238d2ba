"""Preparing: what is in the shards, that they are always the same, and that it goes on."""

import json
import signal
import subprocess
import sys
import time
from functools import partial

import numpy as np
import pytest

from glcic_jax.data import sources
from glcic_jax.data.shards import shards
from glcic_jax.pictures.decode import decode
from glcic_jax.prepare.__main__ import main
from glcic_jax.prepare.layouts import LAYOUTS
from glcic_jax.prepare.plan import GATHERED, default_shards, gather_entries, make_plan
from glcic_jax.runtime.errors import UserError
from tests.helpers.pictures import photograph, save
from tests.helpers.prepared import LIMITS, command, files, names, run_here


def test_one_worker_two_workers_and_none_give_the_same_bytes(source, output, tmp_path, capsys):
    assert main(command(source, output, "--workers", "2", "--mean")) == 0
    printed = capsys.readouterr().out
    assert "32 pictures to train on, 8 held out" in printed
    assert main(command(source, tmp_path / "one", "--workers", "1")) == 0
    run_here(source, tmp_path / "none")
    assert files(output) == files(tmp_path / "one") == files(tmp_path / "none")
    assert len(list(output.glob("train-*-of-00004.array_record"))) == 4
    index = json.loads((output / "index.json").read_text())
    assert index["pictures"] == {"train": 32, "held_out": 8}
    assert index["settings"]["size"] == 32
    assert "opencv-python-headless" in index["software"]
    assert f"({', '.join(f'{value:.4f}' for value in index['mean_pixel'])})" in printed


def test_shards_hold_what_the_files_hold(source, output):
    run_here(source, output, size=400)
    split = shards(str(output), **LIMITS)
    for part, collection in (("train", split.train), ("held_out", split.held_out)):
        listed = names(output, part)
        assert len(listed) == len(collection)
        for index, name in enumerate(listed):
            np.testing.assert_array_equal(collection[index], decode(source / name))
    mean = np.mean([split.train[i].mean((0, 1)) for i in range(len(split.train))], axis=0) / 255
    np.testing.assert_allclose(split.mean_pixel, mean, atol=1e-6)


def test_a_share_holds_out_what_the_folder_source_does(source, output):
    run_here(source, output)
    split = sources.folder(str(source), held_out=0.2, **LIMITS)
    assert sorted(names(output, "held_out")) == split.held_out.names
    assert sorted(names(output, "train")) == split.train.names
    assert names(output, "train") != split.train.names  # shuffled: shards are random samples


def test_a_layout_that_knows_what_is_held_out_is_followed(source):
    listing = [entry._replace(split="held_out" if entry.name.startswith("0/") else "train")
               for entry in LAYOUTS["folder"](source)]  # fmt: skip
    plan = make_plan(lambda: listing, shards=4, train_share=0.99)
    assert plan.pictures == {"train": 20, "held_out": 20}
    for entry in listing:
        assert plan.place(entry)[0] == entry.split


def test_every_picture_is_gathered_once(source):
    listing = partial(LAYOUTS["folder"], source)
    plan = make_plan(listing, shards=7, train_share=0.8)
    found = [entry.name for part in ("train", "held_out")
             for number in range(len(plan.first_keys[part]))
             for _, entries in gather_entries(listing, plan, part, [number], 1)
             for entry in entries]  # fmt: skip
    assert sorted(found) == sorted(entry.name for entry in listing())


def test_shards_of_large_collections_stay_within_the_limit_of_open_files():
    assert [default_shards(n) for n in (1, 256, 257, 8_192, 100_000)] == [1, 1, 2, 32, 32]
    assert [default_shards(32 * 16_384 + n) for n in (0, 1)] == [32, 33]  # as --help has it
    assert default_shards(8_000_000) < 500
    assert 8_000_000 / default_shards(8_000_000) < GATHERED


def test_a_source_that_changes_meanwhile_is_refused(source):
    listing = partial(LAYOUTS["folder"], source)
    plan = make_plan(listing, shards=2, train_share=0.8)
    save(source / "new.png", photograph(99))
    with pytest.raises(UserError, match="added, removed or renamed meanwhile"):
        list(gather_entries(listing, plan, "train", [0, 1], 1))


def test_it_goes_on_where_it_was_killed(source, output, tmp_path):
    for number in range(24):  # large enough to be met at work
        save(source / "more" / f"{number}.jpg", photograph(100 + number, 600, 800))
    arguments = [*command(source, output, "--workers", "2"), "--shards", "16"]
    program = [sys.executable, "-m", "glcic_jax.prepare", *arguments]
    with subprocess.Popen(program, stderr=subprocess.PIPE) as process:
        while not list(output.glob("train*.json")) and process.poll() is None:
            time.sleep(0.005)
        process.kill()
        assert process.stderr
        process.stderr.read()  # ends with the last worker: none is left behind
    assert process.returncode == -signal.SIGKILL
    assert not (output / "index.json").exists()
    kept = {path: path.stat().st_ino for path in output.glob("*.json")}
    assert kept
    for name in (".1.2.tmp", ".3.shard.tmp"):  # of a description and of a shard
        (output / name).touch()
    run_here(source, output, shards=16)
    assert all(path.stat().st_ino == file for path, file in kept.items() if "-of-" in path.name)
    run_here(source, tmp_path / "whole", shards=16)
    assert files(output) == files(tmp_path / "whole")
    assert not list(output.glob(".*.tmp"))


def test_only_what_is_missing_or_cut_is_written_again(source, output):
    run_here(source, output)
    whole = files(output)
    first, second, *_ = sorted(output.glob("train*.array_record"))
    first.write_bytes(first.read_bytes()[:1000])
    second.with_suffix(".json").unlink()
    (output / ".123.shard.tmp").write_bytes(b"left by a run that was killed")
    writer, _ = run_here(source, output)
    assert 0 < writer.skipped < 40
    assert files(output) == whole
    assert not (output / ".123.shard.tmp").exists()


def test_a_finished_folder_stays_as_it_is(source, output):
    run_here(source, output)
    before = {path.name: path.stat().st_mtime_ns for path in output.glob("*.array_record")}
    writer, _ = run_here(source, output)
    assert writer.skipped == 40
    assert before == {p.name: p.stat().st_mtime_ns for p in output.glob("*.array_record")}


def test_beam_writes_the_same_shards(source, output, tmp_path):
    pytest.importorskip("apache_beam", reason="needs pip install -r requirements-beam.txt")
    assert main(command(source, output, "--runner", "direct")) == 0
    run_here(source, tmp_path / "here")
    assert files(output) == files(tmp_path / "here")
