"""Writes shards with the cores of this machine, each in one process. Needs no JAX."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any

import cv2
from tqdm import tqdm

from glcic_jax.prepare.entries import Entry
from glcic_jax.prepare.plan import Listing, Plan, gather_entries
from glcic_jax.prepare.run import too_many
from glcic_jax.prepare.shard_writer import ShardJob, write_shard
from glcic_jax.runtime.bars import bar
from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.process import ctrl_c_blocked, end_with_parent

DONE, BAD = 0, 1
"""Positions in the counts that the processes share."""

POLL_SECONDS = 0.2
"""Seconds between updates of the progress bar."""


class Workers:
    """Writes shards in worker processes; the bar shows the pictures of all of them."""

    def __init__(
        self, pool: ProcessPoolExecutor, bar: tqdm, counts: Any, listing: Listing, plan: Plan,
        workers: int,
    ) -> None:  # fmt: skip
        self._pool, self._bar, self._counts = pool, bar, counts
        self._listing, self._plan, self._workers = listing, plan, workers

    def skip(self, pictures: int, bad: int) -> None:
        """Counts the pictures of a finished shard."""
        self._counts[DONE] += pictures
        self._counts[BAD] += bad
        self._bar.initial = self._bar.n = self._counts[DONE]

    def write(self, job: ShardJob, numbers: list[int]) -> None:
        """Writes the shards of these numbers.

        Raises:
          UserError: as in `write_shard`; too many pictures are bad; or a process was killed.
        """
        running: set[Future] = set()
        try:
            for number, entries in gather_entries(
                self._listing, self._plan, job.part, numbers, self._workers
            ):
                with ctrl_c_blocked():  # the first shards start the processes
                    running.add(self._pool.submit(_write, job, number, entries))
                while len(running) > self._workers:
                    running = self._wait(running)
            while running:
                running = self._wait(running)
        except BrokenProcessPool as error:
            raise UserError(
                "a worker process was killed, perhaps because memory ran out: the same command "
                "goes on, with fewer --workers if need be"
            ) from error

    def _wait(self, running: set[Future]) -> set[Future]:
        done, running = wait(running, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
        self._bar.update(self._counts[DONE] - self._bar.n)
        for future in done:
            future.result()
        return running


@contextmanager
def start_workers(listing: Listing, plan: Plan, workers: int, max_bad: float) -> Iterator[Workers]:
    """Starts the processes, and ends them whatever happens.

    Args:
      listing: lists the source.
      plan: the plan that was made of it.
      workers: the number of processes.
      max_bad: the share of the pictures that may be unusable.
    """
    total = sum(plan.pictures.values())
    context = multiprocessing.get_context("spawn")  # cheap, and safe beside the bar's thread
    counts = context.Array("q", 2)
    start = (counts, total, max_bad)
    pool = ProcessPoolExecutor(workers, context, initializer=_start, initargs=start)
    try:
        with bar(total=total, smoothing=0.05) as counted:
            yield Workers(pool, counted, counts, listing, plan, workers)
    except BaseException:
        for child in multiprocessing.active_children():
            child.terminate()  # without waiting: a shard takes a minute
        raise
    finally:
        pool.shutdown(cancel_futures=True)


_shared: Any = None
"""In a worker process: the counts, the number of all pictures, the share that may be bad."""


def _start(*shared: Any) -> None:
    global _shared  # noqa: PLW0603 - a process's arguments reach its tasks in no other way
    _shared = shared
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C: the main process ends this one
    cv2.setNumThreads(0)
    end_with_parent()


def _write(job: ShardJob, number: int, entries: list[Entry]) -> None:
    write_shard(job, number, entries, _note)


def _note(reason: str | None) -> None:
    counts, total, max_bad = _shared
    with counts.get_lock():
        counts[DONE] += 1
        counts[BAD] += reason is not None
        bad = counts[BAD]
    if reason is not None and bad > max_bad * total:
        raise UserError(too_many(bad, total, reason))
