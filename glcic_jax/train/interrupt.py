"""Notes SIGTERM and Ctrl-C, so that a run saves before it ends."""

import os
import signal

import jax
from jax.experimental import multihost_utils


class Interrupted(Exception):
    """Signals that SIGTERM or Ctrl-C ended the run, after a save."""

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum


class Interrupt:
    """Notes SIGTERM and Ctrl-C so that the loop can save first. A second signal ends it at once.

    With several processes JAX's runtime notes SIGTERM, and makes all of them stop at the same step.
    """

    def __enter__(self) -> "Interrupt":
        self._signum = 0
        self._together = jax.distributed.is_initialized()
        noted = (signal.SIGINT,) if self._together else (signal.SIGTERM, signal.SIGINT)
        self._previous = {number: signal.signal(number, self._note) for number in noted}
        return self

    def at(self, step: int) -> int:
        """Returns the signal for which to stop after `step`; 0 = none. To be called every step."""
        if self._together:
            return signal.SIGTERM if multihost_utils.reached_preemption_sync_point(step) else 0
        return self._signum

    def _note(self, signum: int, frame: object) -> None:
        self._signum = signum
        self._restore()
        if self._together:
            os.kill(os.getpid(), signal.SIGTERM)

    def _restore(self) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def __exit__(self, *exception: object) -> None:
        self._restore()
