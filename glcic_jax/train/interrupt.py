"""Notes SIGTERM and Ctrl-C, so that a run saves before it ends."""

import ctypes
import os
import signal

import jax
from jax.experimental import multihost_utils

from glcic_jax.runtime.process import ENDINGS


class Interrupted(Exception):
    """Signals that SIGTERM or Ctrl-C ended the run; what was trained is saved.

    Attributes:
      signum: the signal's number.
      doing: what the run was doing, such as "compiling"; "" = it had just made an update.
    """

    def __init__(self, signum: int, doing: str = "") -> None:
        super().__init__(signum, doing)
        self.signum, self.doing = signum, doing

    @property
    def name(self) -> str:
        """Returns the signal's name, such as SIGTERM."""
        return signal.Signals(self.signum).name

    @property
    def code(self) -> int:
        """Returns the exit code of the process: 128 + the signal's number, as shells count."""
        return 128 + self.signum

    @property
    def nothing_to_save(self) -> str:
        """Returns the line for a run that has made no update since its last save."""
        return f"{self.name}{self.doing and ' while '}{self.doing}: nothing to save, leaving"


class Interrupt:
    """Notes SIGTERM and Ctrl-C so that the loop can save first. A second signal ends it at once.

    With several processes JAX's runtime makes all of them stop at the same step. It has a handler
    of its own for SIGTERM, which is restored when the loop asks, and called then.

    Attributes:
      signum: the signal that was noted; 0 = none.
      together: whether there are several processes.
      patient: whether `check` lets what is being compiled be finished first.
    """

    patient = False

    def __enter__(self) -> "Interrupt":
        self.signum, self._passed_on = 0, False
        self.together = jax.distributed.is_initialized()
        self._before = {number: _Handler(number, foreign=self.together) for number in ENDINGS}
        for number in ENDINGS:
            signal.signal(number, self._note)
        return self

    def check(self, doing: str) -> None:
        """Leaves by `Interrupted` if a signal was noted. To be called while a run waits.

        It does nothing where there are several processes, which must not leave one by one.

        Args:
          doing: what the run waits for.
        """
        if self.signum and not self.together and not self.patient:
            raise Interrupted(self.signum, doing)

    def at(self, step: int) -> int:
        """Returns the signal for which to stop after `step`; 0 = none. To be called every step."""
        if not self.together:
            return self.signum
        if self.signum and not self._passed_on:
            self._passed_on = True
            signal.raise_signal(signal.SIGTERM)  # os.kill would end the process on Windows
        return signal.SIGTERM if multihost_utils.reached_preemption_sync_point(step) else 0

    def _note(self, signum: int, frame: object) -> None:
        self.signum = signum
        self._restore()

    def _restore(self) -> None:
        for handler in self._before.values():
            handler.restore()

    def __exit__(self, *exception: object) -> None:
        self._restore()


class _Handler:
    """Keeps what answers a signal.

    Args:
      number: the signal's.
      foreign: whether that may be a function of a C++ library, which Python itself forgets.
    """

    def __init__(self, number: int, *, foreign: bool) -> None:
        self._number, self._python = number, signal.getsignal(number)
        self._action = ctypes.create_string_buffer(256)  # more than a struct sigaction takes
        self._libc = ctypes.CDLL(None) if foreign and os.name == "posix" else None
        if self._libc:
            self._libc.sigaction(number, None, self._action)

    def restore(self) -> None:
        """Lets it answer again."""
        signal.signal(self._number, self._python)
        if self._libc:
            self._libc.sigaction(self._number, self._action, None)
