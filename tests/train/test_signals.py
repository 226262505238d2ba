"""Signals are answered while programs are compiled, and while commands are imported."""

import itertools
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from glcic_jax.complete.__main__ import main as complete
from glcic_jax.data import ahead, pipeline
from glcic_jax.data.ahead import read_ahead
from glcic_jax.main import run
from glcic_jax.methods.by_name import METHODS
from glcic_jax.runtime import distributed
from glcic_jax.runtime.aside import aside
from glcic_jax.runtime.run_folder import read_records, saved_steps
from glcic_jax.train.interrupt import Interrupted
from tests.helpers.nodes import TOY, flags, nodes, run_through
from tests.helpers.pictures import make_collection
from tests.helpers.small import change
from tests.helpers.tiny import get_config, toy

ROOT = Path(__file__).parents[2]
ENDLESS = 600
"""Seconds of work that nobody waits for."""


@pytest.fixture
def pictures(tmp_path):
    return make_collection(tmp_path / "pictures", 16)


@pytest.fixture
def config(pictures, monkeypatch):
    """Of a method that compiles in a second."""
    monkeypatch.setitem(METHODS, "toy", METHODS["glcic"]._replace(build=toy))
    return change(get_config(), {"data__root": str(pictures)})


def test_work_aside_returns_raises_and_is_left():
    assert aside(lambda: 3, check=pytest.fail) == 3
    with pytest.raises(ZeroDivisionError):
        aside(lambda: 1 / 0, check=pytest.fail)
    with pytest.raises(KeyError):
        aside(threading.Event().wait, check={}.popitem)


def test_no_work_is_found_that_is_done():
    before = set(threading.enumerate())
    for _ in range(300):
        aside(lambda: None, check=pytest.fail)
        assert set(threading.enumerate()) <= before


@pytest.mark.parametrize(("seconds", "printed"), [(0, "the usual way out\n"), (ENDLESS, "")])
def test_a_process_ends_though_something_works_aside(seconds, printed):
    code = f"""
import atexit, time
from glcic_jax.runtime.aside import aside, leave
atexit.register(print, "the usual way out")
try:
    aside(lambda: time.sleep({seconds}), check={{}}.popitem)
except KeyError:
    pass
leave(4)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=False, timeout=60, stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (4, printed)


def test_a_command_called_from_python_does_not_end_its_process(tmp_path):
    with pytest.raises(KeyError):
        aside(threading.Event().wait, check={}.popitem)  # works on, as after Ctrl-C
    flags = ["--image", str(tmp_path / "absent.png"), "--box", "1,1,2,2"]
    assert complete([*flags, "--output", str(tmp_path / "out.png")]) == 2


def compile_endlessly(monkeypatch, at, number):
    """Lets the program number `at` compile for ever, and sends a signal when it begins to."""
    compiled, count = distributed._compiled, iter(range(at))

    def endless(*arguments):
        if next(count, None) is not None:
            return compiled(*arguments)
        os.kill(os.getpid(), number)
        return threading.Event().wait(ENDLESS)

    monkeypatch.setattr(distributed, "_compiled", endless)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_run_whose_step_is_being_compiled(config, tmp_path, monkeypatch, number):
    workdir, start = tmp_path / "run", time.monotonic()
    compile_endlessly(monkeypatch, 0, number)
    with pytest.raises(Interrupted) as left:
        run(config, workdir)
    assert left.value.code == 128 + number
    assert time.monotonic() - start < ENDLESS / 10
    line = f"{number.name} while compiling: nothing to save, leaving"
    assert line in (workdir / "log.txt").read_text()
    assert read_records(workdir) == []
    assert saved_steps(workdir) == []
    assert not list(workdir.rglob("*.tmp"))


def test_a_signal_is_not_kept_waiting_by_pictures_to_show(config, tmp_path, monkeypatch):
    """The program that completes them is the second; what was trained by then is saved."""
    workdir = tmp_path / "run"
    compile_endlessly(monkeypatch, 1, signal.SIGTERM)
    with pytest.raises(Interrupted):
        run(change(config, {"every__log": 100, "every__checkpoint": 100}), workdir)
    assert saved_steps(workdir) == [3]
    assert [record["step"] for record in read_records(workdir)] == [3]
    assert "SIGTERM: saved step 3, leaving" in (workdir / "log.txt").read_text()


class Hanging:
    """Yields batches, of which one never comes; sends a signal when it should."""

    def __init__(self, batches, at, number):
        self.batches, self.left, self.number = batches, iter(range(at)), number

    def __next__(self):
        if next(self.left, None) is None:
            os.kill(os.getpid(), self.number)
            threading.Event().wait(ENDLESS)
        return next(self.batches)

    def close(self):
        self.batches.close()


def read_endlessly(monkeypatch, at, number):
    """Lets the batch number `at` never come, and sends a signal when it is asked for."""

    def read(batches, count, check):
        return read_ahead(Hanging(batches, at, number), count, check=check)

    monkeypatch.setattr(pipeline, "read_ahead", read)
    monkeypatch.setattr(ahead, "GIVEN_UP_SECONDS", 0.01)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_run_that_waits_for_its_first_pictures(
    config, tmp_path, monkeypatch, number
):
    workdir = tmp_path / "run"
    read_endlessly(monkeypatch, 0, number)
    with pytest.raises(Interrupted) as left:
        run(config, workdir)
    assert left.value.code == 128 + number
    line = f"{number.name} while waiting for pictures: nothing to save, leaving"
    assert line in (workdir / "log.txt").read_text()
    assert read_records(workdir) == saved_steps(workdir) == []


def test_a_signal_ends_a_run_that_waits_for_later_pictures_after_a_save(
    config, tmp_path, monkeypatch
):
    workdir = tmp_path / "run"
    never = {"every__log": 100, "every__images": 0, "every__evaluate": 0, "every__checkpoint": 0}
    with monkeypatch.context() as patch:
        read_endlessly(patch, 5, signal.SIGTERM)
        with pytest.raises(Interrupted):
            run(change(config, never), workdir)
    (step,) = saved_steps(workdir)
    assert 1 <= step <= 5
    assert [record["step"] for record in read_records(workdir)] == [step]
    assert f"SIGTERM: saved step {step}, leaving" in (workdir / "log.txt").read_text()
    run(config, workdir)
    assert saved_steps(workdir) == [step, 6]


CLEAN_UP = """
import atexit, os, signal
from glcic_jax.runtime.aside import leave
@atexit.register
def late():
    os.kill(os.getpid(), signal.{})
    print("cleaned up", flush=True)
print("done", flush=True)
leave(3)
"""


@pytest.mark.parametrize("number", ["SIGTERM", "SIGINT"])
def test_a_signal_on_the_way_out_changes_no_exit_code(number):
    done = subprocess.run(
        [sys.executable, "-c", CLEAN_UP.format(number)], cwd=ROOT, check=False, timeout=60,
        capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (3, "done\n", "")


@pytest.mark.parametrize("more", [0, 40])
@pytest.mark.parametrize("command", ["main", "complete"])
def test_ctrl_c_while_a_command_is_imported_is_answered_in_one_line(command, more):
    """It comes once the package is imported, or so many modules later."""
    with subprocess.Popen(
        [sys.executable, "-X", "importtime", "-m", f"glcic_jax.{command}", "--help"],
        cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        imports = iter(process.stderr)
        assert any(line.endswith("| glcic_jax\n") for line in imports)
        list(itertools.islice(imports, more))
        process.send_signal(signal.SIGINT)
        printed = [line for line in imports if not line.startswith("import time:")]
    assert (process.returncode, printed) in [
        (130, ["stopped by Ctrl-C\n"]),
        (0, []),  # it had ended before
    ]


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_one_process_ends_all_while_one_compiles(pictures, tmp_path, number):
    """One is done compiling and waits for the other; whichever of them hears the signal."""
    command = flags(pictures, tmp_path / "run", "--config.phases.completion=4")
    for heard in (0, 1):
        with nodes(tmp_path / "logs", 2, *command, TINY_COMPILING="1", **TOY) as all_:
            all_[1].wait_for("compiling for ever")
            all_[heard].send_signal(number)
            start = time.monotonic()
            ended = [node.ended() for node in all_]
        assert time.monotonic() - start < 10
        assert [code for code, _ in ended] == [128 + number] * 2
        # On a slow machine the other one may still wait for its pictures.
        line = rf"{number.name} while (compiling|waiting for pictures): nothing to save"
        assert all(re.search(line, text) for _, text in ended)
    run_through(pictures, tmp_path / "run", 2, command[-1], **TOY)
