"""Keeps compiled programs in the user's cache, and notices when one has to be made.

Only our commands call this; importing the library changes nothing.
"""

import contextlib
import os
import threading
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

from glcic_jax.runtime.process import user_cache

FOLDER = "compiled"

MOST_BYTES = 2**30
"""Kept programs take no more than this when a command starts; one takes 0.1 to 10 MB."""

PATIENCE = 1.0
"""Seconds after which a program is taken to be compiled: to read a kept one takes a part of it."""

ZLIB = b"\x78"
"""The first byte of zlib's streams."""

_ASKED, _COMPILED = (
    "/jax/compilation_cache/compile_requests_use_cache",
    "/jax/core/compile/backend_compile_duration",
)
"""JAX's names of what happens before and after a program is read or compiled."""

COMPILES = "/glcic_jax/compiles"
"""The name of what happens before a program is compiled that `programs` keeps."""

LEAST_MEMORY = {"xla_cpu_scheduler_type": "CPU_SCHEDULER_TYPE_MEMORY_OPTIMIZED"}
"""XLA's option to order a program for CPUs so that it holds the least at a time."""


def keep_compiled() -> None:
    """Keeps compiled programs in the user's cache, where all later starts find them.

    JAX_COMPILATION_CACHE_DIR names another folder, whose size is then JAX's affair. Does nothing if
    the cache cannot be written. Processes may share the folder: JAX compiles anew, with a warning,
    what it cannot read whole, as where another process is writing it.
    """
    if os.environ.get("JAX_COMPILATION_CACHE_DIR") or (folder := users_folder()) is None:
        return
    try:
        remove_damaged(folder)
        remove_oldest(folder, MOST_BYTES)
    except OSError:
        return
    import jax

    jax.config.update("jax_compilation_cache_dir", str(folder))


def users_folder() -> Path | None:
    """Returns the folder of the user's cache for compiled programs; None if it cannot be written.

    It is made if need be.
    """
    folder = user_cache() / FOLDER
    with contextlib.suppress(OSError):
        folder.mkdir(exist_ok=True)
    return folder if os.access(folder, os.W_OK) else None


def remove_damaged(folder: Path) -> None:
    """Removes programs that are not whole, of those written since the last call.

    JAX does not write them under another name first, so a process that is killed then, or a full
    disk, leaves a part of one: every later start would warn of it and compile anew.

    Raises:
      OSError: the folder cannot be written.
    """
    mark = folder / "checked"
    since = mark.stat().st_mtime if mark.exists() else 0.0
    mark.touch()
    for path in folder.glob("*-cache"):
        with contextlib.suppress(OSError):  # another process has removed it
            if path.stat().st_mtime >= since and _is_cut(path.read_bytes()):
                path.unlink()


def _is_cut(data: bytes) -> bool:
    """Returns whether data is empty or a damaged stream of zlib's, which JAX's entries are."""
    try:
        if data[:1] == ZLIB:  # not with the package zstandard, which JAX uses where it is
            zlib.decompress(data)
    except zlib.error:
        return True
    return not data


def remove_oldest(folder: Path, most_bytes: int) -> None:
    """Removes the files of a folder that were not read or written for longest, if it is too large.

    JAX's own limit would need another package, and counts only what it wrote under that limit.

    Args:
      folder: what lies in its own folders is left alone.
      most_bytes: that remain at most.
    """
    files = []
    for entry in os.scandir(folder):
        with contextlib.suppress(OSError):  # another process has removed it
            if entry.is_file():
                about = entry.stat()
                files.append((max(about.st_atime, about.st_mtime), about.st_size, entry.path))
    excess = sum(size for _, size, _ in files) - most_bytes
    for _, size, path in sorted(files):
        if excess <= 0:
            break
        with contextlib.suppress(OSError):
            Path(path).unlink()
        excess -= size


@cache
def least_memory() -> dict[str, str] | None:
    """Returns the options of `jax.jit` by which a program on a CPU holds the least at a time.

    By default XLA computes first what does not depend on a picture: the kernels of all of a
    network's layers, transformed for Winograd's method, would be held from the start on. Results
    are the same, bit for bit.

    Returns:
      None on other devices, and where this version of XLA has no such option.
    """
    import jax

    if jax.default_backend() != "cpu":
        return None
    try:
        jax.jit(lambda: 0, compiler_options=LEAST_MEMORY).lower().compile()
    except jax.errors.JaxRuntimeError:
        return None
    return LEAST_MEMORY


@contextlib.contextmanager
def announced(
    announce: Callable[[], object],
    patience: float = PATIENCE,
    over: Callable[[], object] = lambda: None,
) -> Iterator[None]:
    """Calls a function each time that a program is being compiled, not read from the cache.

    It hears of programs that `keep_compiled` keeps, while the context lasts.

    Args:
      announce: is called in a thread of its own.
      patience: seconds that pass before it is called.
      over: is called in the compiling thread when a program that was announced is ready.
    """
    import jax

    waiting: dict[int, threading.Timer] = {}

    def begin(event: str, **_: object) -> None:
        if event in (_ASKED, COMPILES):
            timer = threading.Timer(patience, announce)
            timer.daemon = True
            waiting[threading.get_ident()] = timer
            timer.start()

    def end(event: str, duration_secs: float, **_: object) -> None:
        del duration_secs
        if event == _COMPILED and (timer := waiting.pop(threading.get_ident(), None)):
            if timer.finished.is_set():
                over()
            timer.cancel()

    jax.monitoring.register_event_listener(begin)
    jax.monitoring.register_event_duration_secs_listener(end)
    try:
        yield
    finally:
        jax.monitoring.unregister_event_listener(begin)
        jax.monitoring.unregister_event_duration_listener(end)
        for timer in list(waiting.values()):  # of programs whose compilation was broken off
            timer.cancel()
