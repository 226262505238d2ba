"""Ctrl-C ends a command wherever it is heard."""

import gc
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from glcic_jax.runtime.command_line import STOPPED, exit_code, stopping_at_once
from glcic_jax.runtime.process import ctrl_c_blocked

RAISE = "import signal; signal.raise_signal(signal.SIGINT); print('went on')"

TERMINATE = """
import os, signal
from glcic_jax.runtime.process import stop_by_sigterm
stop_by_sigterm()
os.kill(os.getpid(), signal.SIGTERM)
print("went on")
"""

STARTING = """
import multiprocessing, os, threading, time
from pathlib import Path
from glcic_jax.runtime.process import kill_workers

def worker_is_there():
    children = [path.read_text().split() for path in Path("/proc/self/task").glob("*/children")]
    commands = [Path(f"/proc/{child}/cmdline").read_bytes() for each in children for child in each]
    return any(b"multiprocessing.spawn" in command for command in commands)

content = bytes(10**6)  # more than a pipe holds
worker = multiprocessing.get_context("spawn").Process(target=len, args=(content,), daemon=True)
threading.Thread(target=worker.start, daemon=True).start()
while not worker_is_there():
    time.sleep(0.001)
kill_workers()
os._exit(4)
"""


def test_ctrl_c_that_a_callback_drops_is_raised_again(capsys):
    def callback(*_: object) -> None:
        gc.callbacks.remove(callback)
        raise KeyboardInterrupt  # Python cannot pass on what a callback of this kind raises

    def work() -> None:
        gc.callbacks.append(callback)
        gc.collect()
        for _ in range(1_000):  # 10 s
            time.sleep(0.01)

    assert exit_code(work) == STOPPED
    assert capsys.readouterr().err == "stopped by Ctrl-C\n"


def test_ctrl_c_raises_no_exception_only_while_libraries_are_imported():
    before = signal.getsignal(signal.SIGINT)
    with stopping_at_once():
        assert signal.getsignal(signal.SIGINT) != before == signal.default_int_handler
    assert signal.getsignal(signal.SIGINT) == before


@pytest.mark.skipif(sys.platform == "win32", reason="there is no mask of signals")
def test_a_process_that_is_started_with_ctrl_c_blocked_does_not_hear_it():
    def answer() -> str:
        command = [sys.executable, "-S", "-c", RAISE]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout

    with ctrl_c_blocked():
        assert answer() == "went on\n"
    assert answer() == ""


def ended(program):
    """Runs a program of Python; returns its exit code and what it, and its children, printed."""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="SIGTERM ends a process there and then")
def test_sigterm_is_answered_in_one_line():
    assert ended(TERMINATE) == (143, "", "stopped by SIGTERM\n")


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="there is no /proc")
def test_a_worker_that_is_still_starting_is_killed_too():
    assert ended(STARTING) == (4, "", "")
    code, _, printed = ended(STARTING.replace("kill_workers()\n", ""))
    assert code == 4
    assert "Traceback" in printed
