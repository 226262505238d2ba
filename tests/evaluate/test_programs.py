"""Other programs among the methods: their pictures in the table, their failures in a line."""

import json
import shlex
import sys

import numpy as np
import pytest

from glcic_jax.evaluate.outside_program import split_command
from glcic_jax.pictures.decode import decode
from tests.helpers.reports import evaluate


def tool(files, code):
    path = files / "tool.py"
    path.write_text(code)
    return f"cmd:{sys.executable} {path} {{image}} {{mask}} {{output}}"


COPY = "import sys, shutil; shutil.copy(sys.argv[1], sys.argv[3])"
WRONG = "import sys; from PIL import Image; Image.new('RGB', (5, 5)).save(sys.argv[3])"
ORPHAN = "import subprocess, sys; subprocess.Popen(['sleep', '60']); " + COPY


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import sys; sys.exit('out of luck')", "failed with exit code 1: out of luck"),
        ("pass", "wrote no {output}: it printed nothing"),
        (WRONG, "wrote 5x5 pixels for a picture of 52x40"),
        ("import sys; open(sys.argv[3], 'w').write('text')", "not a picture"),
        ("import time; time.sleep(60)", "no answer in 0.7 s: stopped"),
        (ORPHAN, "no answer in 0.7 s: stopped"),
    ],
)
def test_a_tool_that_fails_is_reported_in_one_line(files, capsys, code, message):
    command = tool(files, code)
    hangs = "no answer" in message
    assert evaluate(files, ["mean", command], "--timeout", 0.7 if hangs else 60) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: ")
    assert message in error
    assert not (files / "report").exists()


def test_a_backslash_is_part_of_a_path_on_windows_alone(monkeypatch):
    line = r"""C:\a\tool.exe "{image} of it" 'x' #no comment a\ b"""
    assert split_command(line) == shlex.split(line)
    monkeypatch.setattr(sys, "platform", "win32")
    words = [r"C:\a\tool.exe", "{image} of it", "x", "#no", "comment", "a\\", "b"]
    assert split_command(line) == words


def test_a_tool_stands_in_the_table(files):
    assert evaluate(files, [f"copy={tool(files, COPY)}"]) == 0
    results = json.loads((files / "report/results.json").read_text())
    assert 0 < results["scores"]["copy"]["hole_l1"]["value"] < 1  # its input has a black hole
    shown = decode(files / "report/pictures/0001_1.png")
    truth = decode(files / "report/pictures/0001_2.png")
    assert (shown[10, 12] == 0).all()
    np.testing.assert_array_equal(shown[:8], truth[:8])
