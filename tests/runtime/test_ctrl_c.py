"""Ctrl-C ends a command wherever it is heard."""

import gc
import signal
import time

from glcic_jax.runtime.command_line import STOPPED, exit_code, stopping_at_once


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
