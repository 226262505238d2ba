"""Sets what holds for a process. Commands alone call it: importing the library changes nothing."""

import contextlib
import ctypes
import gc
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing import resource_tracker
from pathlib import Path

from glcic_jax.runtime.errors import UserError

_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8
"""Numbers of mallopt's parameters, from glibc's malloc.h."""


def keep_freed_memory() -> None:
    """Makes the process keep the memory that it frees, for its next arrays.

    By default glibc returns every large array to the system and asks for it again, page by page, in
    each step. That takes up to a quarter of a step's time on a CPU. Does nothing with other C
    libraries.
    """
    mallopt = _glibc("mallopt")
    if mallopt:
        mallopt(_MMAP_MAX, 0)  # large arrays too lie in the one heap,
        mallopt(_TRIM_THRESHOLD, -1)  # which never shrinks,
        mallopt(_ARENA_MAX, 1)  # and is shared by all threads


def give_back_memory() -> None:
    """Gives the memory that is free now back to the system, whatever is kept from now on.

    Does nothing with other C libraries.
    """
    trim = _glibc("malloc_trim")
    if trim:
        trim(0)


@contextlib.contextmanager
def without_collection() -> Iterator[None]:
    """Lets Python look for no garbage meanwhile, nor ever again among what exists at the end.

    An import makes much that stays: to look through it takes a sixth of the time of importing JAX.
    """
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if on:
            gc.enable()


def _glibc(name: str) -> Callable[..., int] | None:
    """Returns a function of glibc; None where there is another C library."""
    if sys.platform != "linux":
        return None
    try:
        return ctypes.CDLL(None)[name]
    except (OSError, AttributeError):
        return None


def user_cache() -> Path:
    """Returns the user's own cache folder, ~/.cache/glcic_jax or below XDG_CACHE_HOME.

    It is made if that is possible; it may be absent or read-only all the same.
    """
    folder = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "glcic_jax"
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def choose_device(kind: str | None) -> None:
    """Makes JAX compute on one kind of device. To be called before JAX has computed anything.

    Args:
      kind: "cpu" or "gpu"; None leaves the choice to JAX.

    Raises:
      UserError: there is no GPU that JAX can use.
    """
    if kind is None:
        return
    import jax

    # "" lets JAX take what there is, whatever JAX_PLATFORMS names.
    jax.config.update("jax_platforms", "cpu" if kind == "cpu" else "")
    try:
        jax.devices(kind)
    except RuntimeError as error:
        raise UserError(
            "--device gpu: JAX finds no GPU here; install requirements-cuda.txt where there is "
            "one, or leave --device out"
        ) from error


def leave_quietly() -> None:
    """Silences a warning that would follow the line that explains why a command ends.

    Python removes what worker processes leave in shared memory, and need not warn about it. To be
    called before the first worker process is started.
    """
    quiet = "ignore::UserWarning:multiprocessing.resource_tracker"
    known = os.environ.get("PYTHONWARNINGS", quiet)
    os.environ["PYTHONWARNINGS"] = known if quiet in known else f"{known},{quiet}"


ENDINGS = (signal.SIGTERM, signal.SIGINT)
"""Signals by which a process is asked to end; the second is Ctrl-C."""


def ctrl_c_blocked() -> contextlib.AbstractContextManager[None]:
    """Keeps Ctrl-C from processes that this thread starts meanwhile, where the system can.

    In a terminal it reaches all processes, and these are for the main one to end. Python would
    print a traceback in each that is still importing what it needs. Windows cannot: there a process
    is spared once it ignores the signal by itself.
    """
    return _blocked(signal.SIGINT)


def endings_blocked() -> contextlib.AbstractContextManager[None]:
    """Keeps SIGTERM too from processes that this thread starts meanwhile: only `kill` ends them.

    A scheduler sends it to all processes of a run at once, and the main one still needs pictures
    until it has saved.
    """
    return _blocked(*ENDINGS)


@contextlib.contextmanager
def _blocked(*signals: signal.Signals) -> Iterator[None]:
    """Keeps signals from processes that this thread starts meanwhile; does nothing on Windows."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    # The tracker that a process starts with would lift the block, were it not running already.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def end_with_parent() -> None:
    """Ends this worker process as soon as the process that started it is gone for any reason."""

    def watch() -> None:
        parent = multiprocessing.parent_process()
        assert parent is not None
        parent.join()  # returns also if it ended before this worker was ready
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def kill_workers() -> None:
    """Kills all worker processes that this one has started by `multiprocessing`.

    Where there is /proc, also those that it does not list yet, as they have not read all that they
    need to begin with. They would print a traceback once this process has ended.
    """
    for worker in multiprocessing.active_children():
        worker.kill()
    for listing in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in listing.read_text().split():
                if b"multiprocessing.spawn" in Path(f"/proc/{child}/cmdline").read_bytes():
                    os.kill(int(child), signal.SIGKILL)


def stop_by_sigterm() -> None:
    """Lets SIGTERM end the process with one line and 128 + its number from now on.

    Worker processes end too. What the command writes must bear that at any moment, as it must bear
    `kill -9`.
    """
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _stop_with_workers)


def _stop_with_workers(signum: int, frame: object) -> None:
    print(f"stopped by {signal.Signals(signum).name}", file=sys.stderr, flush=True)
    kill_workers()
    os._exit(128 + signum)


STARTED_BY = "GLCIC_STARTED_BY"
"""The variable by which a process gets the id of another that it must not outlive."""

LOOK = 0.5
"""Seconds between two looks whether that one lives."""


def end_with_starter() -> None:
    """Sends this process SIGTERM once the one that started it is gone, if STARTED_BY names it.

    So it saves first. Does nothing on Windows, where a process keeps the id of a parent that ended.
    """
    starter = os.environ.pop(STARTED_BY, "")
    if not starter or os.name != "posix":
        return

    def watch() -> None:
        while str(os.getppid()) == starter:
            time.sleep(LOOK)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for pipe in (sys.stdout, sys.stderr):  # which nobody reads any more
            os.dup2(nowhere, pipe.fileno())
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()
