"""What an evaluation does about damaged files and after a stop: nothing finished is lost."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from glcic_jax.evaluate import examples, manifest, measure, run
from glcic_jax.evaluate.__main__ import main
from glcic_jax.evaluate.examples import READERS, Examples
from glcic_jax.methods.procedural.fills import FILLS
from glcic_jax.metrics.perceptual import FEATURES

SIZES = [(40, 52), (40, 52), (36, 44), (36, 44), (36, 44)]
ROWS = ["telea", "laplace", "mean"]


@pytest.fixture
def files(tmp_path):
    """Makes five pictures of two sizes, and their masks."""
    rng = np.random.default_rng(0)
    for folder in ("data", "masks"):
        (tmp_path / folder).mkdir()
    for index, (height, width) in enumerate(SIZES):
        picture = rng.integers(0, 256, (height, width, 3), np.uint8)
        mask = np.zeros((height, width), np.uint8)
        mask[8 : 20 + 2 * index, 10:24] = 255
        Image.fromarray(picture).save(tmp_path / f"data/{index}.png")
        Image.fromarray(mask).save(tmp_path / f"masks/{index}.png")
    return tmp_path


@pytest.fixture
def calls(monkeypatch):
    """Counts the fills' calls by name. Times and software are the same ones in each evaluation."""
    counted = dict.fromkeys(ROWS, 0)

    def counting(name, fill):
        def complete(image, mask):
            counted[name] += 1
            return fill(image, mask)

        return complete

    for name in ROWS:
        monkeypatch.setitem(FILLS, name, counting(name, FILLS[name]))
    monkeypatch.setattr(measure.time, "perf_counter", lambda: 1.0)
    for module in (manifest, run):
        monkeypatch.setattr(module, "software", lambda: {"python": "3"})
    return counted


def evaluate(files, methods=ROWS, *more, masks="masks", output="report"):
    flags = ["--methods", *methods, "--data", files / "data", "--masks", files / masks]
    return main([str(f) for f in [*flags, "--output", files / output, "--batch_size", 2, *more]])


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def failing(name, at, monkeypatch):
    """Has a fill fail at its call number `at`, as no error of a user does."""
    fill, count = FILLS[name], iter(range(at))

    def complete(image, mask):
        if next(count, None) is None:
            raise RuntimeError("pulled the plug")
        return fill(image, mask)

    monkeypatch.setitem(FILLS, name, complete)


def interrupt(files, monkeypatch, *more):
    """Starts an evaluation that ends in the second row, after its first batch."""
    with monkeypatch.context() as patch:
        failing("laplace", 2, patch)  # after the rehearsal and one batch
        with pytest.raises(RuntimeError, match="pulled the plug"):
            evaluate(files, ROWS, *more)


# Damaged files -----------------------------------------------------------------------------------


def test_damaged_files_are_all_found_before_anything_is_computed(files, calls, capsys):
    whole = (files / "data/4.png").read_bytes()
    (files / "data/4.png").write_bytes(whole[:300])
    before = contents(files)
    assert evaluate(files) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line == f"error: {files}/data/4.png: the file is truncated or damaged"
    (files / "masks/0.png").write_text("text")
    Image.fromarray(np.zeros((40, 52), np.uint8)).save(files / "masks/1.png")
    Image.fromarray(np.ones((40, 52), np.uint8) * 255).save(files / "masks/2.png")
    Image.fromarray(np.ones((36, 44), np.uint8) * 255).save(files / "masks/3.png")
    before = contents(files)
    assert evaluate(files) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith(f"error: 5 examples cannot be used: {files}/masks/0.png: ")
    assert f"; {files}/masks/1.png holds no hole (white)" in line
    assert f"; {files}/masks/2.png is 52x40 and {files}/data/2.png 44x36 pixels" in line
    assert line.endswith("; and 2 more")
    assert contents(files) == before
    assert not list(files.glob(".*"))
    assert not any(calls.values())


def test_with_drawn_holes_the_pictures_are_checked(files, calls, capsys):
    (files / "data/3.png").write_text("text")
    flags = ["--data", files / "data", "--masks", "box", "--output", files / "report"]
    assert main([str(f) for f in ["--methods", *ROWS, *flags]]) == 2
    assert f"error: {files}/data/3.png: " in capsys.readouterr().err
    assert not any(calls.values())


def test_a_few_pictures_are_read_ahead(files, monkeypatch):
    monkeypatch.setattr(Examples, "__len__", lambda self: 50)
    begun = []

    def read(self, index):
        begun.append(index)
        return index

    monkeypatch.setattr(Examples, "__getitem__", read)
    for index, reading in enumerate(Examples(files / "data", str(files / "masks")).read_ahead()):
        assert reading.result() == index
        assert len(begun) <= index + 1 + READERS
    assert sorted(begun) == list(range(50))


def test_a_mask_that_all_pictures_share_is_reported_once(files, calls, capsys):
    (files / "one").mkdir()
    (files / "one/m.png").write_text("text")
    assert evaluate(files, ROWS, "--by_order", masks="one") == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith(f"error: {files}/one/m.png: ")
    assert line.count("m.png") == 1


def test_a_picture_that_changes_meanwhile_is_refused(files, capsys, monkeypatch):
    fill = FILLS["mean"]
    Image.fromarray(np.zeros((36, 44, 3), np.uint8)).save(files / "other.png")

    def meddling(image, mask):
        if (files / "other.png").exists():
            (files / "other.png").replace(files / "data/4.png")
        return fill(image, mask)

    monkeypatch.setitem(FILLS, "mean", meddling)
    monkeypatch.setattr(examples, "READERS", 1)  # so that the last picture is not read ahead
    assert evaluate(files, ["mean"], "--batch_size", 1) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert f"{files}/data/4.png: the picture or its mask changed during the evaluation" in line
    assert not (files / "report").exists()


def test_a_program_that_fails_is_found_before_the_first_row(files, calls, capsys):
    broken = f"cmd:{sys.executable} -c 1/0 {{image}} {{mask}} {{output}}"
    assert evaluate(files, ["telea", broken]) == 2
    assert "ZeroDivisionError" in capsys.readouterr().err
    assert calls["telea"] == 0
    assert not list(files.glob(".*"))


# Stops -------------------------------------------------------------------------------------------


@pytest.fixture
def network(files, monkeypatch):
    """Makes the means of the colours a network of features."""
    weights = files / "weights"
    weights.write_text("weights")
    monkeypatch.setitem(FEATURES, "efflite0", lambda mesh: (lambda x: x.mean((1, 2)), weights))


def test_after_a_stop_the_same_command_takes_the_finished_rows(
    files, calls, network, capsys, monkeypatch
):
    assert evaluate(files, output="whole/report") == 0  # the world without a stop
    alone = dict(calls)
    interrupt(files, monkeypatch)
    assert not (files / "report").exists()
    calls.update(dict.fromkeys(ROWS, 0))
    capsys.readouterr()
    assert evaluate(files) == 0
    assert "telea: taken from" in capsys.readouterr().out
    assert calls == alone | {"telea": 0, "laplace": alone["laplace"] - 1}  # which is not rehearsed
    assert contents(files / "report") == contents(files / "whole/report")
    assert not list(files.glob(".*"))
    calls.update(dict.fromkeys(ROWS, 0))
    assert evaluate(files) == 0  # over a report that is whole: all rows anew
    assert calls == alone


def test_rows_past_the_limit_are_completed_again_for_the_report(files, calls, monkeypatch):
    assert evaluate(files, output="whole/report") == 0
    monkeypatch.setattr(run, "HOLES_LIMIT", 3 * 14 * 13)  # room for the first hole
    interrupt(files, monkeypatch)
    assert evaluate(files) == 0
    assert contents(files / "report") == contents(files / "whole/report")
    assert evaluate(files, ROWS, "--shown", 0, output="none") == 0
    assert not list((files / "none/pictures").iterdir())


def test_features_are_kept_for_the_next_evaluation_before_the_rows(
    files, calls, network, capsys, monkeypatch
):
    cache = ("--feature_cache", files / "cache")
    interrupt(files, monkeypatch, *cache)
    assert len(list((files / "cache").iterdir())) == 1
    assert evaluate(files, ROWS, *cache) == 0
    capsys.readouterr()
    assert evaluate(files, ["mean"], *cache, output="next") == 0
    assert "efflite0: 5 of 5 pictures' features" in capsys.readouterr().out


def change_a_picture(files):
    Image.fromarray(np.zeros((36, 44, 3), np.uint8)).save(files / "data/4.png")


def change_a_mask(files):
    mask = np.zeros((36, 44), np.uint8)
    mask[0:9] = 255
    Image.fromarray(mask).save(files / "masks/4.png")


def change_a_row(files):
    for path in files.glob(".report.rows/*/arrays.npz"):
        path.write_bytes(path.read_bytes()[:-9])


def change_a_hole(files):
    for path in files.glob(".report.rows/*/holes.bin"):
        path.write_bytes(path.read_bytes()[:-1] + b"~")


@pytest.mark.parametrize(
    ("change", "more"),
    [
        (change_a_picture, []),
        (change_a_mask, []),
        (change_a_row, []),
        (change_a_hole, []),
        (None, ["--size", "32", "--by_order"]),
        (None, ["--batch_size", "3"]),
        (None, ["--skip", "lpips"]),
    ],
)
def test_what_differs_is_computed_anew(files, calls, monkeypatch, change, more):
    interrupt(files, monkeypatch)
    calls.update(dict.fromkeys(ROWS, 0))
    if change:
        change(files)
    if "--by_order" in more:
        Image.fromarray(np.eye(32, dtype=np.uint8) * 255).save(files / "square.png")
        for path in (files / "masks").iterdir():
            path.write_bytes((files / "square.png").read_bytes())
    assert evaluate(files, ROWS, *more) == 0
    assert calls["telea"] > 0
    assert evaluate(files, ROWS, *more, output="whole/report") == 0
    assert contents(files / "report") == contents(files / "whole/report")
    assert not list(files.glob(".*"))


def test_other_software_computes_all_anew(files, calls, monkeypatch):
    interrupt(files, monkeypatch)
    calls.update(dict.fromkeys(ROWS, 0))
    monkeypatch.setattr(manifest, "software", lambda: {"python": "4"})
    assert evaluate(files) == 0
    assert calls["telea"] > 0


def test_other_methods_leave_a_finished_row_as_it_is(files, calls, monkeypatch):
    interrupt(files, monkeypatch)
    calls.update(dict.fromkeys(ROWS, 0))
    assert evaluate(files, ["mean", "telea"]) == 0
    assert calls == {"mean": calls["mean"], "telea": 0, "laplace": 0}
    assert evaluate(files, ["mean", "telea"], output="whole/report") == 0
    assert contents(files / "report") == contents(files / "whole/report")


def test_a_program_that_was_mended_is_run_again(files, calls, monkeypatch):
    program = files / "tool.py"
    program.write_text("import sys, shutil; shutil.copy(sys.argv[1], sys.argv[3])")
    command = f"tool=cmd:{sys.executable} {program} {{image}} {{mask}} {{output}}"
    for text in (None, "import sys, shutil; shutil.copy(sys.argv[2], sys.argv[3])"):
        with monkeypatch.context() as patch:
            failing("laplace", 2, patch)
            with pytest.raises(RuntimeError):
                evaluate(files, [command, "laplace"])
        if text:
            program.write_text(text)
        assert evaluate(files, [command, "laplace"]) == 0
        results = json.loads((files / "report/results.json").read_text())
        white = Image.open(files / "report/pictures/0001_1.png").getpixel((12, 10)) == (255,) * 3
        assert white == bool(text)
        assert results["scores"]["tool"]["hole_l1"]["pictures"] == 5


SLOW = """
import sys, time
from glcic_jax.evaluate.__main__ import main
from glcic_jax.methods.procedural.fills import FILLS
fill, calls = FILLS["laplace"], []
def slow(image, mask):
    calls.append(1)
    if len(calls) > 1:  # the first call is the rehearsal
        time.sleep(float(sys.argv[1]))
    return fill(image, mask)
FILLS["laplace"] = slow
sys.exit(main(sys.argv[2:]))
"""


@pytest.mark.slow
def test_after_a_kill_the_same_command_takes_the_finished_rows(files):
    def start(seconds, output):
        flags = ["--data", files / "data", "--masks", files / "masks", "--output", files / output]
        command = [sys.executable, "-c", SLOW, seconds, "--methods", *ROWS, *flags]
        return subprocess.Popen(
            [*map(str, command), "--batch_size", "2"],
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    with start(60, "report") as stopped:
        deadline = time.monotonic() + 120
        while not list(files.glob(".report.rows/[!.]*/about.json")):
            assert time.monotonic() < deadline
            assert stopped.poll() is None
            time.sleep(0.05)
        stopped.send_signal(signal.SIGKILL)
    assert stopped.returncode == -signal.SIGKILL
    assert not (files / "report").exists()
    outputs = {}
    for output in ("report", "whole"):
        with start(0, output) as process:
            outputs[output], _ = process.communicate()
        assert process.returncode == 0
    assert "telea: taken from" in outputs["report"]
    assert "taken from" not in outputs["whole"]
    found, expected = contents(files / "report"), contents(files / "whole")
    assert found.keys() == expected.keys()
    differing = {str(path) for path in found if found[path] != expected[path]}
    assert differing <= {"index.html", "times.json"}  # which hold the times
    assert not list(files.glob(".*"))
