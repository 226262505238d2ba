"""The C library's memory allocator, told what a program with few large arrays needs."""

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8
"""Numbers of mallopt's parameters, from malloc.h."""


def keep_freed_memory() -> None:
    """Lets the process keep the memory that it frees, and take it from there next time.

    By default glibc returns every large array to the system and asks for it anew, page by page, in
    each step: a quarter of a step's time on a CPU. For programs of ours, not for a library's users:
    it holds for the whole process. Does nothing with other C libraries.
    """
    if sys.platform != "linux":
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    mallopt(_MMAP_MAX, 0)  # large arrays too lie in the one heap,
    mallopt(_TRIM_THRESHOLD, -1)  # which never shrinks,
    mallopt(_ARENA_MAX, 1)  # and is shared by all threads
