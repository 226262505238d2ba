"""What an evaluation does about damaged files and failing programs: it finds them at its start."""

import sys

import numpy as np
from PIL import Image

from glcic_jax.evaluate import examples
from glcic_jax.evaluate.__main__ import main
from glcic_jax.evaluate.examples import READERS, Examples
from glcic_jax.methods.procedural.fills import FILLS
from tests.helpers.interrupted import ROWS, evaluate
from tests.helpers.reports import contents


def test_damaged_files_are_all_found_before_anything_is_computed(five, calls, capsys):
    whole = (five / "data/4.png").read_bytes()
    (five / "data/4.png").write_bytes(whole[:300])
    before = contents(five)
    assert evaluate(five) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line == f"error: {five}/data/4.png: the file is truncated or damaged"
    (five / "masks/0.png").write_text("text")
    Image.fromarray(np.zeros((40, 52), np.uint8)).save(five / "masks/1.png")
    Image.fromarray(np.ones((40, 52), np.uint8) * 255).save(five / "masks/2.png")
    Image.fromarray(np.ones((36, 44), np.uint8) * 255).save(five / "masks/3.png")
    before = contents(five)
    assert evaluate(five) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith(f"error: 5 examples cannot be used: {five}/masks/0.png: ")
    assert f"; {five}/masks/1.png holds no hole (white)" in line
    assert f"; {five}/masks/2.png is 52x40 and {five}/data/2.png 44x36 pixels" in line
    assert line.endswith("; and 2 more")
    assert contents(five) == before
    assert not list(five.glob(".*"))
    assert not any(calls.values())


def test_with_drawn_holes_the_pictures_are_checked(five, calls, capsys):
    (five / "data/3.png").write_text("text")
    flags = ["--data", five / "data", "--masks", "box", "--output", five / "report"]
    assert main([str(f) for f in ["--methods", *ROWS, *flags]]) == 2
    assert f"error: {five}/data/3.png: " in capsys.readouterr().err
    assert not any(calls.values())


def test_a_few_pictures_are_read_ahead(five, monkeypatch):
    monkeypatch.setattr(Examples, "__len__", lambda self: 50)
    begun = []

    def read(self, index):
        begun.append(index)
        return index

    monkeypatch.setattr(Examples, "__getitem__", read)
    for index, reading in enumerate(Examples(five / "data", str(five / "masks")).read_ahead()):
        assert reading.result() == index
        assert len(begun) <= index + 1 + READERS
    assert sorted(begun) == list(range(50))


def test_a_mask_that_all_pictures_share_is_reported_once(five, calls, capsys):
    (five / "one").mkdir()
    (five / "one/m.png").write_text("text")
    assert evaluate(five, ROWS, "--by_order", masks="one") == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith(f"error: {five}/one/m.png: ")
    assert line.count("m.png") == 1


def test_a_picture_that_changes_meanwhile_is_refused(five, capsys, monkeypatch):
    fill = FILLS["mean"]
    Image.fromarray(np.zeros((36, 44, 3), np.uint8)).save(five / "other.png")

    def meddling(image, mask):
        if (five / "other.png").exists():
            (five / "other.png").replace(five / "data/4.png")
        return fill(image, mask)

    monkeypatch.setitem(FILLS, "mean", meddling)
    monkeypatch.setattr(examples, "READERS", 1)  # so that the last picture is not read ahead
    assert evaluate(five, ["mean"], "--batch_size", 1) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert f"{five}/data/4.png: the picture or its mask changed during the evaluation" in line
    assert not (five / "report").exists()


def test_a_program_that_fails_is_found_before_the_first_row(five, calls, capsys):
    broken = f"cmd:{sys.executable} -c 1/0 {{image}} {{mask}} {{output}}"
    assert evaluate(five, ["telea", broken]) == 2
    assert "ZeroDivisionError" in capsys.readouterr().err
    assert calls["telea"] == 0
    assert not list(five.glob(".*"))
