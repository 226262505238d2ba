"""Makes batches ahead of time in a thread, and gives up on one that never comes."""

import logging
import time
from collections.abc import Callable, Iterator
from queue import Empty, Queue
from threading import Event, Thread
from typing import Any, Protocol, TypeVar

from glcic_jax.runtime.aside import TICK, leave_working
from glcic_jax.runtime.errors import FaultError
from glcic_jax.runtime.process import endings_blocked, kill_workers

log = logging.getLogger(__name__)

SILENT_SECONDS = 60.0
"""Seconds of waiting for a batch, after which the log reports it."""

PATIENCE = 600.0
"""Seconds of waiting until the run ends. Storage that was restarted is back by then."""

LAST_BATCH_SECONDS = 5.0
"""Seconds to wait for the batch that is being made when the run ends."""

GIVEN_UP_SECONDS = 1.5
"""Seconds to wait for a batch that the run has given up waiting for."""

Batch_co = TypeVar("Batch_co", covariant=True)


class Closable(Protocol[Batch_co]):
    """Describes an iterator that owns threads or worker processes."""

    def __next__(self) -> Batch_co: ...

    def close(self) -> None:
        """Ends them."""


def read_ahead(
    batches: Closable[Batch_co],
    count: int,
    *,
    check: Callable[[], object] = lambda: None,
    silent_seconds: float = SILENT_SECONDS,
    patience: float = PATIENCE,
) -> Iterator[Batch_co]:
    """Yields the same endless batches, up to `count` of them made before they are asked for.

    Args:
      batches: the iterator; it is closed together with the one that is returned. Grain's iterator
        by itself would wait for ever.
      count: the number of batches, at least 1.
      check: is called again and again while a batch is waited for, and may raise, to leave. Worker
        processes are killed then.
      silent_seconds: seconds of waiting for one batch until the log reports it; it does so again
        each time that this much longer has passed.
      patience: seconds of waiting for one batch until it is given up.

    Raises:
      FaultError: no batch came in time, or a worker process was killed.
    """
    ready: Queue[tuple[Any, Exception | None]] = Queue(count)
    over = Event()

    def make() -> None:
        try:
            with endings_blocked():  # the first batch starts the worker processes
                while not over.is_set():
                    ready.put((next(batches), None))
        except Exception as error:
            ready.put((None, error))
        finally:
            batches.close()  # here, so that it happens however late

    thread = Thread(target=make, daemon=True)
    thread.start()
    waiting = True
    try:
        while True:
            batch, error = _wait(ready, check, silent_seconds, patience)
            if error is not None:
                check()  # what ended a worker may have been sent to this process too
                raise _explained(error)
            waiting = False
            yield batch
            waiting = True
    finally:
        over.set()
        if waiting:
            kill_workers()  # one that is still starting, or frozen, would not notice the end
        while not ready.empty():  # makes room for the last one
            ready.get()
        thread.join(GIVEN_UP_SECONDS if waiting else LAST_BATCH_SECONDS)
        leave_working(thread)


def _wait(ready: Queue, check: Callable[[], object], silent_seconds: float, patience: float) -> Any:
    start, waited, reports = time.monotonic(), 0.0, 1
    while waited < patience:
        if waited >= reports * silent_seconds:
            reports += 1
            log.warning(
                "no pictures for %.0f seconds: slow storage, or a data worker is frozen; this run "
                "ends after %.0f", waited, patience,
            )  # fmt: skip
        try:
            return ready.get(timeout=min(TICK, silent_seconds))
        except Empty:
            check()
            waited = time.monotonic() - start
    raise FaultError(
        f"no pictures for {patience:.0f} seconds: the storage or a data worker does not answer; "
        "when it does, the same command resumes"
    )


def _explained(error: Exception) -> Exception:
    """Returns an error that explains in one line that a worker was killed; others unchanged."""
    killed = "Worker process was terminated" in str(error)
    if not killed and not isinstance(error, BrokenPipeError):  # of one that was starting
        return error
    return FaultError(
        "a data worker was killed, perhaps because memory ran out: the same command resumes, with "
        "fewer data.workers if need be"
    )
