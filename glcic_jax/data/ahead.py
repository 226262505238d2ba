"""Batches made ahead of time by a thread, and an end to the wait for one that never comes."""

import logging
import multiprocessing
import time
from collections.abc import Iterator
from queue import Empty, Queue
from threading import Event, Thread
from typing import Any, Protocol, TypeVar

from glcic_jax.runtime.errors import FaultError

log = logging.getLogger(__name__)

SILENT_SECONDS = 60.0
"""After which it is said that no batch comes."""

PATIENCE = 600.0
"""Seconds until the wait is given up: storage that was restarted is back by then."""

FAREWELL = 5.0
"""Seconds for the batch that is being made when no more are wanted."""

Batch_co = TypeVar("Batch_co", covariant=True)


class Closable(Protocol[Batch_co]):
    """An iterator that owns threads or worker processes."""

    def __next__(self) -> Batch_co: ...

    def close(self) -> None:
        """Ends them."""


def read_ahead(
    batches: Closable[Batch_co],
    count: int,
    *,
    silent_seconds: float = SILENT_SECONDS,
    patience: float = PATIENCE,
) -> Iterator[Batch_co]:
    """The same endless batches, up to `count` of them made before they are asked for.

    Args:
      batches: closed when the iterator that is returned is; Grain's waits without end.
      count: at least 1.
      silent_seconds: of waiting for one batch, after which the log says so, again and again.
      patience: seconds until the wait is given up.

    Raises:
      FaultError: no batch came for that long, or a worker process was killed.
    """
    ready: Queue[tuple[Any, Exception | None]] = Queue(count)
    over = Event()

    def make() -> None:
        try:
            while not over.is_set():
                ready.put((next(batches), None))
        except Exception as error:
            ready.put((None, error))

    thread = Thread(target=make, daemon=True)
    thread.start()
    try:
        while True:
            batch, error = _wait(ready, silent_seconds, patience)
            if error is not None:
                raise _clear(error)
            yield batch
    finally:
        over.set()
        while not ready.empty():  # room for the last one
            ready.get()
        thread.join(FAREWELL)
        if not thread.is_alive():
            batches.close()


def _wait(ready: Queue, silent_seconds: float, patience: float) -> Any:
    start, waited = time.monotonic(), 0.0
    while waited < patience:
        if waited:
            log.warning(
                "no pictures for %.0f seconds: slow storage, or a data worker is frozen; this run "
                "ends after %.0f", waited, patience,
            )  # fmt: skip
        try:
            return ready.get(timeout=silent_seconds)
        except Empty:
            waited = time.monotonic() - start
    for worker in multiprocessing.active_children():
        worker.kill()  # a frozen one would not notice that this process has ended
    raise FaultError(
        f"no pictures for {patience:.0f} seconds: the storage or a data worker does not answer; "
        "when it does, the same command resumes"
    )


def _clear(error: Exception) -> Exception:
    """In one line, if a worker process was killed."""
    if "Worker process was terminated" not in str(error):
        return error
    return FaultError(
        "a data worker was killed, for want of memory perhaps: the same command resumes, with "
        "fewer data.workers if need be"
    )
