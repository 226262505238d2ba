"""Works in a thread of its own, so that signals are answered meanwhile.

Python answers signals between two steps of its main thread. One call of a compiler may take
minutes.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import NoReturn, TypeVar

from glcic_jax.runtime.process import ENDINGS, kill_workers

TICK = 0.2
"""Seconds between two looks."""

Result = TypeVar("Result")

_threads: list[threading.Thread] = []


def aside(work: Callable[[], Result], check: Callable[[], object]) -> Result:
    """Returns what `work` returns in a thread of its own; meanwhile calls `check` again and again.

    Args:
      work: raises what this function raises then.
      check: may raise too, to leave. The thread then works on and cannot be stopped: see
        `leave`.
    """
    done, results, errors = threading.Event(), [], []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:
            errors.append(error)
        finally:
            done.set()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    leave_working(thread)
    while not done.wait(TICK):
        check()
    thread.join()  # it has nothing left to do, and must not be found working
    if errors:
        raise errors[0]
    return results[0]


def leave_working(thread: threading.Thread) -> None:
    """Has `leave` end the process at once if this thread still works then."""
    _threads[:] = [*(other for other in _threads if other.is_alive()), thread]


def leave(code: int) -> NoReturn:
    """Ends the process, at once if something still works aside. Only commands may call it.

    The usual way out would free what is in use there, such as a compiler's. A signal that comes on
    the way out only hastens it.

    Args:
      code: the exit code.
    """
    for number in ENDINGS:
        signal.signal(number, lambda *_: os._exit(code))
    if any(thread.is_alive() for thread in _threads):
        sys.stdout.flush()
        sys.stderr.flush()
        kill_workers()
        os._exit(code)
    sys.exit(code)
