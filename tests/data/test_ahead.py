"""Reading ahead: the same batches in their order, and no wait without an end."""

import itertools
import logging
import signal
import subprocess
import sys
import threading

import pytest

from glcic_jax.data import ahead as ahead_module
from glcic_jax.data.ahead import read_ahead
from glcic_jax.runtime.errors import FaultError, UserError
from glcic_jax.train.interrupt import Interrupted


class Batches:
    """Yields numbers; at some of them something else happens first."""

    def __init__(self, events=()):
        self.made, self.closed, self.events = 0, threading.Event(), dict(events)

    def __next__(self):
        self.events.get(self.made, int)()
        self.made += 1
        return self.made - 1

    def close(self):
        self.closed.set()


def test_batches_come_in_order_and_so_many_ahead():
    batches = Batches()
    ahead = read_ahead(batches, 2)
    assert list(itertools.islice(ahead, 50)) == list(range(50))
    assert batches.made <= 50 + 2 + 1  # one is made and waits for its place
    ahead.close()
    assert batches.closed.is_set()


def test_a_dropped_iterator_ends_what_it_reads():
    batches = Batches()
    ahead = read_ahead(batches, 2)
    next(ahead)
    del ahead
    assert batches.closed.wait(5)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no mask of signals")
def test_signals_do_not_reach_processes_that_are_started_for_a_batch():
    blocked = []
    next(read_ahead(Batches({0: lambda: blocked.extend(blocked_signals())}), 1))
    assert {signal.SIGINT, signal.SIGTERM} <= {*blocked}
    assert not {signal.SIGINT, signal.SIGTERM} & {*blocked_signals()}


def blocked_signals():
    """What a process has blocked too that this thread starts now."""
    return signal.pthread_sigmask(signal.SIG_BLOCK, ())


def refuse():
    raise UserError("a picture")


def lose_a_worker():
    raise RuntimeError("Worker process was terminated unexpectedly with exit code -9. Search")


def test_errors_come_after_the_batches_before_them():
    ahead = read_ahead(Batches({3: refuse}), 5)
    assert [next(ahead) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(UserError, match="^a picture$"):
        next(ahead)


def lose_a_worker_that_is_starting():
    raise BrokenPipeError(32, "Broken pipe")


@pytest.mark.parametrize("lose", [lose_a_worker, lose_a_worker_that_is_starting])
def test_a_killed_worker_is_ended_in_one_line(lose):
    ahead = read_ahead(Batches({1: lose}), 2)
    next(ahead)
    with pytest.raises(
        FaultError, match="a data worker was killed, perhaps because memory ran out"
    ):
        next(ahead)


def test_a_slow_batch_is_ended_and_waited_for(caplog):
    slow = threading.Event()
    ahead = read_ahead(Batches({1: lambda: slow.wait(0.25)}), 2, silent_seconds=0.1, patience=9)
    with caplog.at_level(logging.WARNING):
        assert [next(ahead) for _ in range(3)] == [0, 1, 2]
    assert 1 <= len(caplog.messages) <= 2
    assert "slow storage, or a data worker is frozen; this run ends after 9" in caplog.messages[0]


def test_a_batch_that_never_comes_ends_the_wait(monkeypatch):
    monkeypatch.setattr(ahead_module, "LAST_BATCH_SECONDS", 0.1)
    hanging = threading.Event()
    ahead = read_ahead(Batches({1: hanging.wait}), 2, silent_seconds=0.1, patience=0.3)
    try:
        next(ahead)
        with pytest.raises(FaultError, match="the storage or a data worker does not answer"):
            next(ahead)
    finally:
        hanging.set()


def ended_by(signum):
    """Returns a check that leaves once it is called while a batch is waited for."""

    def check():
        if signum:
            raise Interrupted(signum[0])

    return check


def test_a_wait_is_left_at_once(monkeypatch):
    monkeypatch.setattr(ahead_module, "GIVEN_UP_SECONDS", 0.01)
    hanging, signum = threading.Event(), []
    batches = Batches({1: lambda: signum.append(2) or hanging.wait()})
    ahead = read_ahead(batches, 1, check=ended_by(signum))
    try:
        assert next(ahead) == 0
        with pytest.raises(Interrupted):
            next(ahead)
        assert not batches.closed.is_set()
    finally:
        hanging.set()
    assert batches.closed.wait(5)  # the thread does so when it is free


def test_a_signal_that_ends_a_worker_too_is_no_fault():
    """It comes to both at once, and the process may learn of its worker first."""
    signum = []
    batches = Batches({1: lambda: signum.append(15) or lose_a_worker()})
    ahead = read_ahead(batches, 1, check=ended_by(signum))
    assert next(ahead) == 0
    with pytest.raises(Interrupted):
        next(ahead)


HANGING = """
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from glcic_jax.runtime.command_line import exit_code
from glcic_jax.runtime.errors import FaultError
def work():
    ThreadPoolExecutor().submit(Event().wait)
    raise FaultError("the storage does not answer")
sys.exit(exit_code(work))
"""


def test_a_command_ends_though_a_thread_of_its_hangs():
    ended = subprocess.run(
        [sys.executable, "-c", HANGING], capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stderr) == (1, "error: the storage does not answer\n")
