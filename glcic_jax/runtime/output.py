"""Writes to standard output and standard error, also where nobody reads them any more."""

import os
import select
import sys
from typing import TextIO

UNREAD, UNREAD_LINE = 141, "stopped: nobody reads standard output any more"
"""Exit code where the reader of standard output went too early, 128 + SIGPIPE, and its line."""


def complain(line: str) -> None:
    """Prints a line to standard error, if somebody still reads it."""
    try:
        print(line, file=sys.stderr, flush=True)
    except BrokenPipeError:  # 2>&1 | head
        drop(sys.stderr)


def write_out() -> str | None:
    """Writes out what was printed; where nobody reads it any more, it is dropped.

    Python itself would do so later, with lines that begin with "Exception ignored", and end by 120.

    Returns:
      The line that explains why it cannot be written; None where all is well.
    """
    if sys.stdout is None:
        return None
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        drop(sys.stdout)
    except OSError as error:
        drop(sys.stdout)
        return f"standard output: cannot write: {error.strerror or error}"
    return None


def drop(stream: TextIO) -> None:
    """Lets a stream's text go nowhere from now on, that which still waits to be written too."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def reader_gone() -> bool:
    """Returns whether standard output is a pipe that nobody reads any more; False on Windows."""
    if sys.stdout is None or not hasattr(select, "poll"):
        return False
    looks = select.poll()
    looks.register(sys.stdout, 0)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in looks.poll(0))
