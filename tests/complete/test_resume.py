"""The command's --resume: what is there and whole stays, all else is made. No network."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from glcic_jax.complete import __main__ as command

rng = np.random.default_rng(0)
picture = rng.integers(0, 256, (37, 50, 3), np.uint8)
hole = np.zeros((37, 50), np.uint8)
hole[10:20, 15:30] = 1
NAMES = ["a.png", "b.jpg", "c.png"]


@pytest.fixture
def filled(tmp_path, monkeypatch):
    """Makes three pictures and a mask, and completes them by sevens; lists the calls."""
    (tmp_path / "shots").mkdir()
    for name in NAMES:
        Image.fromarray(picture).save(tmp_path / "shots" / name)
    Image.fromarray(hole * 255).save(tmp_path / "mask.png")
    for path in tmp_path.rglob("*.*"):
        os.utime(path, ns=(10**18, 10**18))  # in 2001
    calls = []

    def load(args):
        calls.append("load")

        def sevens(image, mask, postprocess):
            calls.append("fill")
            return np.where(mask[..., None] == 1, 7, image).astype(np.uint8)

        return sevens

    monkeypatch.setattr(command, "load_completer", load)
    monkeypatch.chdir(tmp_path)
    assert complete("shots", "out") == 0
    assert calls == ["load", "fill", "fill", "fill"]
    calls.clear()
    return calls


def complete(image, output, *more):
    return command.main(["--image", image, "--mask", "mask.png", "--output", output, *more])


def outputs():
    return {path.name: path.read_bytes() for path in Path("out").iterdir()}


def times():
    return {path.name: path.stat().st_mtime_ns for path in Path("out").iterdir()}


def test_what_is_there_and_whole_is_skipped(filled, capsys):
    before = times()
    capsys.readouterr()
    assert complete("shots", "out", "--resume") == 0
    assert capsys.readouterr().out == "0 completed, in out, 3 skipped\n"
    assert filled == []  # not even the network is loaded
    assert times() == before
    assert complete("shots/*.png", "out", "--resume") == 0
    assert capsys.readouterr().out == "0 completed, in out, 2 skipped\n"
    assert complete("shots/a.png", "out/a.png", "--resume") == 0
    assert capsys.readouterr().out == "0 completed, in out/a.png, 1 skipped\n"
    assert filled == []


def test_without_it_all_are_completed_again(filled, capsys):
    Path("out/a.png").write_text("an older one")
    capsys.readouterr()
    assert complete("shots", "out") == 0
    assert capsys.readouterr().out == "3 completed, in out\n"
    assert filled == ["load", "fill", "fill", "fill"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("damage", ["absent", "empty", "cut", "older", "older than the mask"])
def test_what_is_absent_damaged_or_older_is_made_again(filled, capsys, name, damage):
    before = outputs()
    path, data = Path("out") / name, before[name]
    if damage == "absent":
        path.unlink()
    elif damage in ("empty", "cut"):
        path.write_bytes(b"" if damage == "empty" else data[: len(data) * 2 // 3])
    elif damage == "older":
        os.utime(path, ns=(10**17, 10**17))
    else:
        os.utime("mask.png", ns=(11 * 10**17, 11 * 10**17))
        os.utime(path, ns=(105 * 10**16, 105 * 10**16))
    capsys.readouterr()
    assert complete("shots", "out", "--resume") == 0
    assert capsys.readouterr().out == "1 completed, in out, 2 skipped\n"
    assert filled == ["load", "fill"]
    assert outputs() == before


def test_failures_are_tried_again_and_counted(filled, capsys):
    Path("shots/d.png").write_text("broken")
    for _ in range(2):
        capsys.readouterr()
        assert complete("shots", "out", "--resume") == 1
        assert capsys.readouterr().out == "0 completed, in out, 3 skipped, 1 failed\n"


def test_a_dry_run_lists_the_rest(filled, capsys):
    Path("out/b.jpg").unlink()
    capsys.readouterr()
    assert complete("shots", "out", "--resume", "--dry-run") == 0
    assert capsys.readouterr().out.splitlines() == [
        "shots/b.jpg: 50x37, 8.11 % to fill -> out/b.jpg",
        "1 would be completed, in out, 2 skipped",
    ]
    assert filled == []


def test_streams_cannot_be_resumed(filled, capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: False, raising=False)
    for image, output in (("-", "out.png"), ("shots/a.png", "-")):
        assert complete(image, output, "--resume") == 2
        assert "error: --resume skips outputs that are there" in capsys.readouterr().err
    assert not Path("out.png").exists()
