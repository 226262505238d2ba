"""Ctrl-C ends a command wherever it is heard."""

import gc
import signal
import subprocess
import sys
import time

import pytest

from glcic_jax.runtime.command_line import STOPPED, exit_code, stopping_at_once
from glcic_jax.runtime.process import ctrl_c_blocked

RAISE = "import signal; signal.raise_signal(signal.SIGINT); print('went on')"


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
