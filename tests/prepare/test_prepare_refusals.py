"""What is refused before, and what stops a preparation: every time in one line."""

import os
import signal
import sys

import numpy as np
import pytest

from glcic_jax.data.shards import shards
from glcic_jax.prepare import faces
from glcic_jax.prepare.__main__ import main
from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.locks import lock_file
from tests.helpers.pictures import photograph, save
from tests.helpers.prepared import LIMITS, command, run_here


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
        assert lock_file(handle.fileno())
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


def test_without_array_record_nothing_is_written(source, output, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "array_record.python.array_record_module", None)
    assert main(command(source, output)) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()[-1:]
    assert line.startswith("error: shards need the package array-record")
    assert not list(output.glob("*"))


def test_a_worker_that_is_killed_is_told(source, output, capsys, monkeypatch):
    from glcic_jax.prepare import workers

    monkeypatch.setattr(workers, "_write", kill_this_process)
    assert main(command(source, output, "--workers", "1")) == 2
    assert "a worker process was killed" in capsys.readouterr().err


def kill_this_process(*task):
    os.kill(os.getpid(), signal.SIGKILL)
