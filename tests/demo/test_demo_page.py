"""The web page in a real browser, and its command as users start it."""

import os
import signal
import socket
import subprocess
import sys
import time
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from glcic_jax.demo.__main__ import main
from tests.helpers.demo_page import (
    choose,
    click,
    completed,
    drag,
    open_photo,
    set_value,
    status_shows,
)
from tests.helpers.pictures import file_of, photograph
from tests.helpers.saved_run import save_run
from tests.helpers.web import complete, hole, picture, pixels_of

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_in_a_real_browser_a_stroke_is_filled_and_the_rest_is_the_photograph(site, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying on its side
    photo, (height, width) = photograph(1, 600, 900), (900, 600)
    (tmp_path / "photo.png").write_bytes(file_of(photo, exif=exif))
    (tmp_path / "mask.png").write_bytes(file_of(np.zeros((9, 9), np.uint8)))
    (tmp_path / "text.jpg").write_text("no picture")
    (tmp_path / "downloads").mkdir()
    upright = np.rot90(photo, -1)
    with site.page() as tab:
        choose(tab, "open", tmp_path / "text.jpg")
        status_shows(tab, "this file cannot be shown")
        open_photo(tab, tmp_path / "photo.png")
        status_shows(tab, f"{width} x {height} pixels")
        choose(tab, "upload", tmp_path / "mask.png")
        status_shows(tab, "the mask has 9 x 9 pixels and the photograph 600 x 900")
        set_value(tab, "grow", 0)
        drag(tab, (0.1, 0.1), (0.9, 0.1))
        click(tab, "undo")  # the stroke at the top is not to be filled after all
        drag(tab, (0.2, 0.5), (0.5, 0.6), (0.8, 0.5))
        completed(tab)
        tab.send("Browser.setDownloadBehavior", behavior="allow",
                 downloadPath=str(tmp_path / "downloads"))  # fmt: skip
        click(tab, "download")
        status_shows(tab, "photo_completed.png is downloaded")
        while not (found := list((tmp_path / "downloads").glob("*.png"))):
            time.sleep(0.02)
    result = pixels_of(found[0].read_bytes())
    assert found[0].name == "photo_completed.png"
    changed = (result != upright).any(axis=-1)
    rows, columns = np.nonzero(changed)
    # The brush is 36 pixels wide, its ends are round: within, all was filled; beyond, nothing.
    assert 0.5 * height - 19 <= rows.min() < rows.max() <= 0.6 * height + 19
    assert 0.2 * width - 19 <= columns.min() < columns.max() <= 0.8 * width + 19
    assert changed[:, 300][525:555].mean() > 0.9


def start(*arguments):
    command = [sys.executable, "-u", "-m", "glcic_jax.demo", *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=ROOT, text=True, start_new_session=True, **pipes)


@pytest.mark.slow
def test_as_a_command_it_serves_networks_until_ctrl_c(tmp_path):
    run = save_run(tmp_path / "mine")
    with start("--checkpoint", run, f"other={run}", "--port", 0, "--host", "0.0.0.0") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith("serving mine, other, telea")
        port = int(process.stdout.readline().split(":")[-1].split("/")[0])
        assert process.stderr.readline().startswith("warning: --host 0.0.0.0: whoever reaches")
        for method, postprocess in (("mine", "0"), ("other", "1")):
            response, png = complete(
                port, image=file_of(picture), mask=file_of(hole), method=method,
                postprocess=postprocess,
            )  # fmt: skip
            assert response.status == 200
            completed = np.asarray(Image.open(BytesIO(png)))
            np.testing.assert_array_equal(completed[hole == 0], picture[hole == 0])
        for _ in range(3):  # an impatient user's
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does, to all processes
            time.sleep(0.05)
        assert (process.stdout.read(), process.stderr.read()) == ("", "")
    assert process.returncode == 0


def refusal(capsys, *arguments):
    assert main(["--port", "0", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_mistakes_get_one_line_and_exit_code_2(capsys, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert "another --host or --port" in refusal(capsys, "--checkpoint", "x", "--port", port)
    for port in ("99999", "-1"):
        with pytest.raises(SystemExit, match="2"):
            main(["--checkpoint", "x", f"--port={port}"])
        assert capsys.readouterr().err.endswith(f"--port {port}: give 0 to 65535\n")
    assert "another --host or --port" in refusal(capsys, "--checkpoint", "x", "--host", "no host")
    monkeypatch.delitem(sys.modules, "glcic_jax.demo.server")
    monkeypatch.delattr("glcic_jax.demo.server")
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    line = refusal(capsys, "--checkpoint", "x")
    assert "pip install -r requirements-demo.txt" in line


@pytest.mark.slow
def test_networks_that_cannot_be_loaded_are_reported_in_one_line(capsys):
    assert "runs/no: no" in refusal(capsys, "--checkpoint", "runs/no")
    assert 'two methods are called "a": write NAME=y/a' in refusal(
        capsys, "--checkpoint", "x/a", "y/a"
    )
