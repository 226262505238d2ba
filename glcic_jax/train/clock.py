"""Measures how long updates take, without what else a run does between them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Clock:
    """Measures updates from one record to the next.

    Args:
      batch_size: pictures per update over all devices.
    """

    def __init__(self, batch_size: int) -> None:
        self._batch_size = batch_size
        self._begun: set[str] = set()
        self._first: float | None = None
        self.start(0)

    def start(self, step: int) -> None:
        """Begins to measure after `step` updates."""
        self._since, self._step, self._waited = time.monotonic(), step, 0.0

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Stops the clock during the block: evaluations and saves do not count in the rate."""
        start = time.monotonic()
        yield
        self._since += time.monotonic() - start

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Counts the time of the block as waiting for data."""
        start = time.monotonic()
        yield
        self._waited += time.monotonic() - start

    @contextmanager
    def update(self, phase: str) -> Iterator[bool]:
        """Leaves the first update of a phase out of the rate, and measures it by itself.

        It compiles the phase's program where nothing has compiled it yet, and the first one of all
        waits for data that nobody has read ahead. Neither shows how long the others take.

        Args:
          phase: the phase's name.

        Yields:
          Whether this process has made no update of the phase before. The block must then wait
          until the devices have made it.
        """
        first, start = phase not in self._begun, time.monotonic()
        yield first
        if first:
            self._begun.add(phase)
            self._first = time.monotonic() - start
            self.start(self._step + 1)

    def lap(self, step: int, ideal_seconds: float | None = None) -> dict[str, float]:
        """Returns what was measured since the last lap, and begins the next one.

        Args:
          step: the number of updates done.
          ideal_seconds: seconds of an update at the devices' peak, if they are known.

        Returns:
          "first_update_s", if the first update of a phase was made; if others were, of these
          "images_per_s", "step_ms", "waiting_ms", and "mfu" where `ideal_seconds` is given.
        """
        steps, elapsed = step - self._step, max(time.monotonic() - self._since, 1e-9)
        measured: dict[str, float] = {}
        if self._first is not None:
            measured["first_update_s"] = round(self._first, 3)
        if steps > 0:
            measured["images_per_s"] = round(steps * self._batch_size / elapsed, 3)
            measured["step_ms"] = round(1000 * elapsed / steps, 3)
            measured["waiting_ms"] = round(1000 * self._waited / steps, 3)
            if ideal_seconds is not None:
                measured["mfu"] = round(steps * ideal_seconds / elapsed, 4)
        self._first = None
        self.start(step)
        return measured
