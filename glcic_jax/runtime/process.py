"""Settings that hold for a whole process: for our commands, not for a library's users."""

import contextlib
import ctypes
import multiprocessing
import os
import sys
import threading
from pathlib import Path

from glcic_jax.runtime.errors import UserError

_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8
"""Numbers of mallopt's parameters, from glibc's malloc.h."""

COMPILED_FOLDER = "compiled"


def keep_freed_memory() -> None:
    """Lets the process keep the memory that it frees, and take it from there next time.

    By default glibc returns every large array to the system and asks for it anew, page by page, in
    each step: up to a quarter of a step's time on a CPU. Does nothing with other C libraries.
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


def keep_compiled(folder: Path) -> None:
    """Keeps compiled programs in FOLDER/compiled, so that the next start finds them.

    Does nothing if JAX_COMPILATION_CACHE_DIR names a folder, or if this one cannot be written.
    """
    if os.access(folder, os.W_OK) and not os.environ.get("JAX_COMPILATION_CACHE_DIR"):
        import jax

        jax.config.update("jax_compilation_cache_dir", str(folder / COMPILED_FOLDER))


def user_cache() -> Path:
    """The user's own folder for what can be made again; it need not be there, nor be writable."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "glcic_jax"
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def choose_device(kind: str | None) -> None:
    """Makes JAX compute on "cpu" or "gpu", before it has computed anything; None: its choice.

    Raises:
      UserError: there is no GPU that JAX can use.
    """
    if kind is None:
        return
    import jax

    # "" lets JAX take what there is, whatever JAX_PLATFORMS says.
    jax.config.update("jax_platforms", "cpu" if kind == "cpu" else "")
    try:
        jax.devices(kind)
    except RuntimeError as error:
        raise UserError(
            "--device gpu: JAX finds no GPU here; install requirements-cuda.txt where there is "
            "one, or leave --device away"
        ) from error


def leave_quietly() -> None:
    """Lets the line that says why a command ends be its last.

    Python removes what worker processes leave in shared memory, and need not warn of it. To be
    called before the first of them is started.
    """
    quiet = "ignore::UserWarning:multiprocessing.resource_tracker"
    known = os.environ.get("PYTHONWARNINGS", quiet)
    os.environ["PYTHONWARNINGS"] = known if quiet in known else f"{known},{quiet}"


def end_with_parent() -> None:
    """In a worker process: ends it when the process that started it is gone, however it went."""

    def watch() -> None:
        parent = multiprocessing.parent_process()
        assert parent is not None
        parent.join()  # returns also if it ended before this worker was ready
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
