"""`demo --open` opens the page once it is served."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from glcic_jax.demo import __main__ as demo

ROOT = Path(__file__).parents[2]
BROWSER = """
import sys, urllib.request
with urllib.request.urlopen(sys.argv[1], timeout=60) as page:
    open(sys.argv[2], "w").write(f"{sys.argv[1]} {page.status} {page.headers['Content-Type']}")
"""


@pytest.mark.slow  # a server starts, with the network that ships
def test_the_browser_gets_an_address_that_answers(tmp_path):
    pytest.importorskip("uvicorn", reason="the web page's packages are missing")
    (tmp_path / "browser.py").write_text(BROWSER)
    opened = tmp_path / "opened.txt"
    env = os.environ | {"BROWSER": f"{sys.executable} {tmp_path / 'browser.py'} %s {opened}"}
    command = [sys.executable, "-m", "glcic_jax.demo", "--open", "--port", "0"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(
        [*command, "--host", "0.0.0.0"], cwd=ROOT, env=env, text=True, **pipes
    ) as process:
        try:
            printed = [process.stdout.readline() for _ in range(2)]
            port = printed[1].partition(";")[0].rpartition(":")[2].strip("/")
            for _ in range(600):
                if opened.exists() and opened.read_text():
                    break
                try:
                    process.wait(0.1)
                except subprocess.TimeoutExpired:
                    continue
                break
        finally:
            process.send_signal(signal.SIGTERM)
    address, status, kind = opened.read_text().split(maxsplit=2)
    assert address == f"http://127.0.0.1:{port}/"
    assert (status, kind.partition(";")[0]) == ("200", "text/html")


def test_without_a_browser_the_address_is_printed(monkeypatch, capsys):
    asked = []
    monkeypatch.setattr("webbrowser.open", lambda address: asked.append(address) or False)
    demo.open_page("http://127.0.0.1:7/")
    assert asked == ["http://127.0.0.1:7/"]
    assert capsys.readouterr().err == "no browser was found: open http://127.0.0.1:7/ yourself\n"


@pytest.mark.parametrize("seconds", ["inf", "nan", "1e9", "0"])
def test_a_limit_that_no_clock_keeps_is_refused(seconds, capsys):
    with pytest.raises(SystemExit):
        demo.parse(["--seconds", seconds])
    assert "--seconds" in capsys.readouterr().err.splitlines()[-1]
