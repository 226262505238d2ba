"""What an evaluation does after a stop: the same command takes the rows that were finished."""

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

from glcic_jax.evaluate import manifest, run
from tests.helpers.interrupted import ROWS, evaluate, failing, interrupt
from tests.helpers.reports import contents


def test_after_a_stop_the_same_command_takes_the_finished_rows(
    five, calls, network, capsys, monkeypatch
):
    assert evaluate(five, output="whole/report") == 0  # the world without a stop
    alone = dict(calls)
    interrupt(five, monkeypatch)
    assert not (five / "report").exists()
    calls.update(dict.fromkeys(ROWS, 0))
    capsys.readouterr()
    assert evaluate(five) == 0
    assert "telea: taken from" in capsys.readouterr().out
    assert calls == alone | {"telea": 0, "laplace": alone["laplace"] - 1}  # which is not rehearsed
    assert contents(five / "report") == contents(five / "whole/report")
    assert not list(five.glob(".*"))
    calls.update(dict.fromkeys(ROWS, 0))
    assert evaluate(five) == 0  # over a report that is whole: all rows anew
    assert calls == alone


def test_rows_past_the_limit_are_completed_again_for_the_report(five, calls, monkeypatch):
    assert evaluate(five, output="whole/report") == 0
    monkeypatch.setattr(run, "HOLES_LIMIT", 3 * 14 * 13)  # room for the first hole
    interrupt(five, monkeypatch)
    assert evaluate(five) == 0
    assert contents(five / "report") == contents(five / "whole/report")
    assert evaluate(five, ROWS, "--shown", 0, output="none") == 0
    assert not list((five / "none/pictures").iterdir())


def test_features_are_kept_for_the_next_evaluation_before_the_rows(
    five, calls, network, capsys, monkeypatch
):
    cache = ("--feature_cache", five / "cache")
    interrupt(five, monkeypatch, *cache)
    assert len(list((five / "cache").iterdir())) == 1
    assert evaluate(five, ROWS, *cache) == 0
    capsys.readouterr()
    assert evaluate(five, ["mean"], *cache, output="next") == 0
    assert "efflite0: 5 of 5 pictures' features" in capsys.readouterr().out


def change_a_picture(five):
    Image.fromarray(np.zeros((36, 44, 3), np.uint8)).save(five / "data/4.png")


def change_a_mask(five):
    mask = np.zeros((36, 44), np.uint8)
    mask[0:9] = 255
    Image.fromarray(mask).save(five / "masks/4.png")


def change_a_row(five):
    for path in five.glob(".report.rows/*/arrays.npz"):
        path.write_bytes(path.read_bytes()[:-9])


def change_a_hole(five):
    for path in five.glob(".report.rows/*/holes.bin"):
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
def test_what_differs_is_computed_anew(five, calls, monkeypatch, change, more):
    interrupt(five, monkeypatch)
    calls.update(dict.fromkeys(ROWS, 0))
    if change:
        change(five)
    if "--by_order" in more:
        Image.fromarray(np.eye(32, dtype=np.uint8) * 255).save(five / "square.png")
        for path in (five / "masks").iterdir():
            path.write_bytes((five / "square.png").read_bytes())
    assert evaluate(five, ROWS, *more) == 0
    assert calls["telea"] > 0
    assert evaluate(five, ROWS, *more, output="whole/report") == 0
    assert contents(five / "report") == contents(five / "whole/report")
    assert not list(five.glob(".*"))


def test_other_software_computes_all_anew(five, calls, monkeypatch):
    interrupt(five, monkeypatch)
    calls.update(dict.fromkeys(ROWS, 0))
    monkeypatch.setattr(manifest, "software", lambda: {"python": "4"})
    assert evaluate(five) == 0
    assert calls["telea"] > 0


def test_other_methods_leave_a_finished_row_as_it_is(five, calls, monkeypatch):
    interrupt(five, monkeypatch)
    calls.update(dict.fromkeys(ROWS, 0))
    assert evaluate(five, ["mean", "telea"]) == 0
    assert calls == {"mean": calls["mean"], "telea": 0, "laplace": 0}
    assert evaluate(five, ["mean", "telea"], output="whole/report") == 0
    assert contents(five / "report") == contents(five / "whole/report")


def test_a_program_that_was_mended_is_run_again(five, calls, monkeypatch):
    program = five / "tool.py"
    program.write_text("import sys, shutil; shutil.copy(sys.argv[1], sys.argv[3])")
    command = f"tool=cmd:{sys.executable} {program} {{image}} {{mask}} {{output}}"
    for text in (None, "import sys, shutil; shutil.copy(sys.argv[2], sys.argv[3])"):
        with monkeypatch.context() as patch:
            failing("laplace", 2, patch)
            with pytest.raises(RuntimeError):
                evaluate(five, [command, "laplace"])
        if text:
            program.write_text(text)
        assert evaluate(five, [command, "laplace"]) == 0
        results = json.loads((five / "report/results.json").read_text())
        white = Image.open(five / "report/pictures/0001_1.png").getpixel((12, 10)) == (255,) * 3
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
def test_after_a_kill_the_same_command_takes_the_finished_rows(five):
    def start(seconds, output):
        flags = ["--data", five / "data", "--masks", five / "masks", "--output", five / output]
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
        while not list(five.glob(".report.rows/[!.]*/about.json")):
            assert time.monotonic() < deadline
            assert stopped.poll() is None
            time.sleep(0.05)
        stopped.send_signal(signal.SIGKILL)
    assert stopped.returncode == -signal.SIGKILL
    assert not (five / "report").exists()
    outputs = {}
    for output in ("report", "whole"):
        with start(0, output) as process:
            outputs[output], _ = process.communicate()
        assert process.returncode == 0
    assert "telea: taken from" in outputs["report"]
    assert "taken from" not in outputs["whole"]
    found, expected = contents(five / "report"), contents(five / "whole")
    assert found.keys() == expected.keys()
    differing = {str(path) for path in found if found[path] != expected[path]}
    assert differing <= {"index.html", "times.json"}  # which hold the times
    assert not list(five.glob(".*"))
