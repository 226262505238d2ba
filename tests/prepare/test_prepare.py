"""Preparing: what is in the shards, that they are always the same, and what is refused."""

import fcntl
import io
import json
import os
import signal
import subprocess
import sys
import time
import zlib
from functools import partial

import cv2
import numpy as np
import pytest
from PIL import Image

from glcic_jax.data import sources
from glcic_jax.data.shards import read_shard_description, shards
from glcic_jax.pictures.decode import decode, decode_bytes
from glcic_jax.prepare import faces
from glcic_jax.prepare.__main__ import main
from glcic_jax.prepare.layouts import LAYOUTS
from glcic_jax.prepare.plan import GATHERED, default_shards, gather_entries, make_plan
from glcic_jax.prepare.run import prepare
from glcic_jax.prepare.shard_writer import stored_form, write_shard
from glcic_jax.runtime.errors import UserError
from tests.helpers.pictures import make_collection, photograph, save

LIMITS = {"min_edge": 8, "max_bad_fraction": 0.5}


class Here:
    """Writes shards in this process."""

    def __init__(self, listing, plan):
        self.listing, self.plan, self.skipped = listing, plan, 0

    def skip(self, pictures, bad):
        self.skipped += pictures

    def write(self, job, numbers):
        for number, entries in gather_entries(self.listing, self.plan, job.part, numbers, 1):
            write_shard(job, number, entries, lambda reason: None)


def run_here(source, output, *, size=32, shards=4, share=0.8, max_bad=0.5, writer=Here, **more):
    listing = partial(LAYOUTS["folder"], source)
    plan = make_plan(listing, shards=shards, train_share=share)
    writer = writer(listing, plan)
    settings = {"layout": "folder", "size": size, "min_edge": 8, "split": share, "faces": None}
    options = {"transform": None, "max_bad": max_bad} | more
    return writer, prepare(plan, writer, output, settings=settings, **options)


def files(folder):
    return {
        path.name: path.read_bytes() for path in folder.iterdir() if not path.name.startswith(".")
    }


def names(output, part):
    described = [
        read_shard_description(output, p.stem) for p in sorted(output.glob(f"{part}*.json"))
    ]
    return [name for description in described for name in description.names]


@pytest.fixture
def source(tmp_path):
    return make_collection(tmp_path / "source")


@pytest.fixture
def output(tmp_path):
    return tmp_path / "output"


def command(source, output, *more):
    return ["--source", str(source), "--output", str(output), "--size", "32", "--shards", "4",
            "--split", "0.8", "--min_edge", "8", *more]  # fmt: skip


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
    assert default_shards(1) == 1
    assert default_shards(100_000) == 32
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


def bomb():
    """Returns a PNG of 50,000 x 50,000 pixels, by its header."""
    data = io.BytesIO()
    Image.new("L", (1, 1)).save(data, "png")
    header = bytearray(data.getvalue())
    header[16:24] = (50_000).to_bytes(4) * 2
    header[29:33] = zlib.crc32(header[12:29]).to_bytes(4)
    return bytes(header)


def test_bad_files_are_listed_with_their_reasons(source, output):
    save(source / "whole.jpg", photograph(50, 300, 300))
    data = (source / "whole.jpg").read_bytes()
    (source / "cut.jpg").write_bytes(data[: len(data) // 2])
    (source / "empty.jpg").touch()
    (source / "text.png").write_text("no picture")
    (source / "bomb.png").write_bytes(bomb())
    (source / "gone.jpg").symlink_to(source / "nowhere.jpg")
    save(source / "strip.png", np.zeros((5, 30_000, 3), np.uint8))
    save(source / "dot.png", np.zeros((1, 1, 3), np.uint8))
    (source / "loop").symlink_to(source)
    save(source / "ä ö 图.png", photograph(51))
    save(source / f"{'x' * 251}.jpg", photograph(52))
    _, tallies = run_here(source, output)
    report = json.loads((output / "report.json").read_text())
    reasons = {line["name"]: line["reason"] for line in report["left_out"]}
    expected = {
        "cut.jpg": "truncated or damaged",
        "empty.jpg": "the file is empty",
        "text.png": "not a picture that can be read",
        "bomb.png": "too many pixels, the limit is",
        "gone.jpg": "no such file",
        "strip.png": "30000x5 pixels, below --min_edge",
        "dot.png": "1x1 pixels, below --min_edge",
    }
    assert reasons.keys() == expected.keys()
    for name, reason in expected.items():
        assert reason in reasons[name]
    stored = names(output, "train") + names(output, "held_out")
    assert len(stored) == 43 == sum(tally.records() for tally in tallies.values())
    assert "ä ö 图.png" in stored
    shards(str(output), **LIMITS)


def test_too_many_bad_files_stop_it(source, output, capsys):
    for number in range(10):
        (source / f"{number}.jpg").write_text("no picture")
    assert main(command(source, output, "--workers", "2", "--max_bad", "0.1")) == 2
    error = capsys.readouterr().err
    assert "error: at least 6 of 50 pictures cannot be used, one of them" in error
    assert "raise --max_bad" in error
    with pytest.raises(UserError, match="at least 10 of 50 pictures cannot be used"):
        run_here(source, output.with_name("here"), max_bad=0.1)
    for folder in (output, output.with_name("here")):
        assert not (folder / "index.json").exists()


def test_training_pictures_that_are_held_out_too_are_dropped(source, output):
    run_here(source, output)
    held_out, train = names(output, "held_out"), names(output, "train")
    copy = source / "copies"
    copy.mkdir()
    (copy / "exact.jpg").write_bytes((source / held_out[0]).read_bytes())
    save(copy / "near.jpg", cv2.resize(decode(source / held_out[1]), (50, 36)), 70)
    (copy / "of_a_training_picture.jpg").write_bytes((source / train[0]).read_bytes())
    listing = [
        entry._replace(split="held_out" if entry.name in held_out else "train")
        for entry in LAYOUTS["folder"](source)
    ]
    plan = make_plan(lambda: listing, shards=4, train_share=0.8)
    second = output.with_name("second")
    settings = {"size": 32, "min_edge": 8}
    prepare(plan, Here(lambda: listing, plan), second, settings=settings, transform=None, max_bad=0)
    report = json.loads((second / "report.json").read_text())
    assert report["duplicates"] == [
        {"name": "copies/exact.jpg", "of": held_out[0], "kind": "exact"},
        {"name": "copies/near.jpg", "of": held_out[1], "kind": "near"},
    ]
    assert sorted(names(second, "train")) == sorted([*train, "copies/of_a_training_picture.jpg"])


def stored(data, size):
    form = stored_form(data, "name", size, min_edge=8)
    assert form is not None
    return form


def file_of(image, kind, **options):
    data = io.BytesIO()
    Image.fromarray(image).save(data, kind, **options)
    return data.getvalue()


@pytest.mark.parametrize("kind", ["jpeg", "png"])
def test_files_that_need_no_change_are_kept_byte_for_byte(kind):
    data = file_of(photograph(0), kind)
    record, image = stored(data, 40)
    assert record == data
    np.testing.assert_array_equal(image, decode_bytes(data, ""))


def test_large_pictures_are_scaled_and_small_ones_never_enlarged():
    large = photograph(0, 90, 120)
    record, image = stored(file_of(large, "png"), 30)
    assert image.shape == (30, 40, 3)
    assert record.startswith(b"\x89PNG")
    np.testing.assert_array_equal(decode_bytes(record, ""), image)  # nothing is lost
    record, image = stored(file_of(large, "jpeg"), 30)
    assert record.startswith(b"\xff\xd8")
    assert np.abs(decode_bytes(record, "").astype(int) - image).mean() < 5
    assert stored(file_of(large, "bmp"), 400)[1].shape == large.shape


def test_what_other_programs_might_show_wrongly_is_stored_anew():
    image = photograph(0)
    exif = Image.Exif()
    exif[0x0112] = 6  # shown after a quarter turn clockwise
    turned = file_of(image, "jpeg", exif=exif)
    clear = file_of(np.dstack([image, np.full(image.shape[:2], 128, np.uint8)]), "png")
    for data in (turned, clear, file_of(image, "webp"), file_of(image, "tiff")):
        record, shown = stored(data, 100)
        assert record != data
        picture = Image.open(io.BytesIO(record))
        assert (picture.mode, picture.size) == ("RGB", shown.shape[1::-1])
        assert picture.getexif().get(0x0112, 1) == 1
    assert stored(turned, 100)[1].shape == (56, 40, 3)


def left_half(image):
    """Cuts the left half out of a picture, and leaves out dark pictures."""
    return image[:, : image.shape[1] // 2] if image.mean() > 1 else None


def test_a_transform_comes_before_scaling_and_may_leave_pictures_out(source, output):
    save(source / "black.png", np.zeros((40, 40, 3), np.uint8))
    run_here(source, output, size=400, max_bad=0, transform=left_half)
    split = shards(str(output), **LIMITS)
    assert split.train[0].shape == (40, 28, 3)
    report = json.loads((output / "report.json").read_text())
    assert (report["passed_over"], report["left_out"]) == (["black.png"], [])


def test_squares_are_cut_on_demand(source, output):
    assert main([*command(source, output, "--workers", "1"), "--square"]) == 0
    train = shards(str(output), **LIMITS).train
    assert {train[index].shape for index in range(len(train))} == {(32, 32, 3)}


def test_another_collection_or_other_settings_are_refused(source, output):
    run_here(source, output)
    with pytest.raises(UserError, match=r"settings.size is 32 there and 48 here: .* --output"):
        run_here(source, output, size=48)
    save(source / "new.png", photograph(99))
    with pytest.raises(UserError, match="source.pictures is 40 there and 41 here"):
        run_here(source, output)


def test_folders_of_others_are_refused(source, output, tmp_path):
    output.mkdir()
    (output / "precious.txt").write_text("mine")
    with pytest.raises(
        UserError, match=r"holds other files \(precious.txt\): choose another --out"
    ):
        run_here(source, output)
    assert [path.name for path in output.iterdir() if path.name != ".lock"] == ["precious.txt"]
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot write there"):
        run_here(source, tmp_path / "file")


def test_two_at_once_are_refused(source, output):
    output.mkdir()
    with (output / ".lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        with pytest.raises(UserError, match="another process is preparing pictures there"):
            run_here(source, output)


def test_a_full_disk_is_told_in_one_line_and_mended(source, small_disk):
    for number in range(12):
        noise = np.random.default_rng(number).integers(0, 256, (400, 400, 3), np.uint8)
        save(source / f"noise{number}.png", noise)
    output = small_disk / "output"
    with pytest.raises(UserError, match="disk full: .*; finished shards are kept: free some space"):
        run_here(source, output, size=400, shards=8)
    left = sorted(path.name for path in output.iterdir() if path.name != ".lock")
    assert "index.json" not in left
    assert not any("tmp" in name for name in left)
    for number in range(12):
        (source / f"noise{number}.png").write_bytes((source / "0" / "000.jpg").read_bytes())
    run_here(source, output, size=400, shards=8)  # the names are the same: it goes on
    shards(str(output), **LIMITS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--size", "0"], "--size 0: at least 1"),
        (["--workers", "0"], "--workers 0: at least 1"),
        (["--split", "1.5"], "--split 1.5: a share from 0 to 1"),
        (["--split", "1"], "leave 40 to train on and 0 held out"),
        (["--shards", "1000"], "--shards 1000: there are only 32 pictures"),
        (["--size", "8", "--min_edge", "9"], "--min_edge 9: larger than --size 8"),
        (["--source", "/no/such/folder"], "/no/such/folder: no such file or folder"),
        (["--runner", "direct"], "pip install -r requirements-beam.txt"),
        (["--align"], "pip install -r requirements-faces.txt"),
    ],
)
def test_mistakes_get_one_line(source, output, capsys, monkeypatch, arguments, message):
    monkeypatch.setitem(sys.modules, "apache_beam", None)
    monkeypatch.setitem(sys.modules, "dlib", None)
    faces._dlib.cache_clear()
    assert main([*command(source, output), *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert message in error
    assert error.count("\n") == 1
    assert not list(output.glob("*"))


def test_a_worker_that_is_killed_is_told(source, output, capsys, monkeypatch):
    from glcic_jax.prepare import workers

    monkeypatch.setattr(workers, "_write", kill_this_process)
    assert main(command(source, output, "--workers", "1")) == 2
    assert "a worker process was killed" in capsys.readouterr().err


def kill_this_process(*task):
    os.kill(os.getpid(), signal.SIGKILL)


def test_beam_writes_the_same_shards(source, output, tmp_path):
    pytest.importorskip("apache_beam", reason="needs pip install -r requirements-beam.txt")
    assert main(command(source, output, "--runner", "direct")) == 0
    run_here(source, tmp_path / "here")
    assert files(output) == files(tmp_path / "here")
