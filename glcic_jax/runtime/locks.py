"""Locks an open file for one process, on every system."""

import os
import sys

LOCKED_BYTE = 2**31 - 2
"""The byte that is locked on Windows, where nobody else can read what is locked: far behind the
end of every file that we lock."""


def lock_file(file: int) -> bool:
    """Locks a file for this process alone, without waiting.

    The system releases the lock when the file is closed or the process ends, however it ends.

    Args:
      file: the descriptor of a file that is open for writing. On Windows its position is moved.

    Returns:
      Whether it is locked; False: somebody else holds it.

    Raises:
      OSError: the file's disk has no locks, as some network file systems.
    """
    if sys.platform == "win32":
        import msvcrt

        os.lseek(file, LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
    else:
        import fcntl

        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True
