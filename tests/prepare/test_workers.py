"""The processes that write shards."""

import signal
import sys
from concurrent.futures import Future, ProcessPoolExecutor
from types import SimpleNamespace
from typing import Any, cast

import pytest

from glcic_jax.prepare import workers


class Pool:
    """Starts no process; keeps the signals that one would have blocked."""

    def __init__(self) -> None:
        self.masks = []

    def submit(self, *task: object) -> Future:
        self.masks.append(signal.pthread_sigmask(signal.SIG_BLOCK, ()))
        future = Future()
        future.set_result(None)
        return future


class Bar:
    """Shows nothing."""

    n = 0

    def update(self, more: int) -> None:
        assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


@pytest.mark.skipif(sys.platform == "win32", reason="there is no mask of signals")
def test_ctrl_c_does_not_reach_processes_that_are_about_to_begin(monkeypatch):
    monkeypatch.setattr(workers, "gather_entries", lambda *_: [(0, []), (1, []), (2, [])])
    pool, unused = Pool(), cast(Any, None)
    writing = workers.Workers(
        cast(ProcessPoolExecutor, pool), cast(Any, Bar()), [0, 0], unused, unused, 2
    )
    writing.write(cast(Any, SimpleNamespace(part="train")), [0, 1, 2])
    assert len(pool.masks) == 3
    assert all(signal.SIGINT in mask for mask in pool.masks)
