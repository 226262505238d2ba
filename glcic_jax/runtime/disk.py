"""Files and folders that are whole or absent, and full or slow disks reported in one line."""

import errno
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from glcic_jax.runtime.errors import FaultError, UserError

OVERHEAD = 2**20
"""Bytes that a save needs beside its arrays, for descriptions and indices."""

SLOW = 1.0
"""Seconds of waiting that are not reported."""

FULL = (errno.ENOSPC, errno.EDQUOT)
"""The operating system's error numbers for a full disk and a used-up quota."""


def write_whole(path: Path, content: str | bytes) -> None:
    """Writes a file that appears under its name only once it is whole.

    Raises:
      OSError: it cannot be written. An older file of this name then stays as it was.
    """
    # Not made of the file's own name, which may be as long as names can be.
    temporary = path.with_name(f".{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path, *, replace: bool = False) -> Iterator[Path]:
    """Gives a new folder to write in, which appears under its name only once it is whole.

    If the writing fails, what was written is removed and what stood at `path` still does.

    Args:
      path: the folder's name; the folders that it lies in are made.
      replace: whether an older folder of this name gives way. Otherwise it must be empty or absent.

    Yields:
      An empty folder beside `path`.

    Raises:
      OSError: a folder cannot be made, or `path` holds something and `replace` is not set.
    """
    path = path.absolute()
    own = f".{os.getpid()}.{threading.get_ident()}"
    temporary, old = path.with_name(f"{own}.tmp"), path.with_name(f"{own}.old")
    temporary.mkdir(parents=True)
    try:
        yield temporary
        if path.exists():
            if replace:
                path.rename(old)
            else:
                path.rmdir()  # Windows replaces no folder; every system keeps one that is not empty
        temporary.replace(path)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def check_space(folder: Path, size: int, last_good: Callable[[], str]) -> None:
    """Refuses to start writing `size` bytes that will not fit.

    Args:
      folder: lies on the disk in question.
      size: bytes.
      last_good: returns what is left to go on from, for the message.

    Raises:
      UserError: too little space is free.
    """
    free = shutil.disk_usage(folder).free
    needed = size + OVERHEAD
    if free < needed:
        detail = f"{needed / 2**20:,.0f} MiB needed, {free / 2**20:,.0f} free"
        raise UserError(_disk_full(folder, detail, last_good()))


@contextmanager
def clear_errors(folder: Path, last_good: Callable[[], str]) -> Iterator[None]:
    """Turns the many errors of a full or hanging disk, met while writing, into one line.

    Args:
      folder: where the block writes.
      last_good: returns what is left to go on from, for the message.

    Raises:
      UserError: the disk is full. All other errors pass as they are.
      FaultError: the block raised a `TimeoutError`: the storage does not answer.
    """
    try:
        yield
    except TimeoutError as error:
        raise FaultError(
            f"{folder}: the storage does not answer; when it does, the same command resumes"
        ) from error
    except Exception as error:
        cause: BaseException | None = error
        while cause is not None:
            text = str(cause).lower()
            full = getattr(cause, "errno", None) in FULL
            if full or "no space left" in text or "quota exceeded" in text:
                raise UserError(_disk_full(folder, "no space left", last_good())) from error
            cause = cause.__cause__ or cause.__context__
        raise


@contextmanager
def report_if_slow(report: Callable[[str], None], message: str) -> Iterator[None]:
    """Calls `report(message)` once if the block takes longer than `SLOW` seconds."""
    timer = threading.Timer(SLOW, report, [message])
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _disk_full(folder: Path, detail: str, last_good: str) -> str:
    return f"disk full: {folder}: {detail}; {last_good}: free some space and start again"


def read_file(path: Path) -> bytes:
    """Reads a whole file.

    Raises:
      UserError: it is not there or cannot be read; names the file.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}") from error


def write_file(path: Path, content: str | bytes) -> None:
    """Writes a file, and makes its folder if there is none. The file is whole or absent.

    Raises:
      UserError: the folder or the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content)
    except OSError as error:
        raise UserError(f"{path}: cannot write it: {error.strerror or error}") from error
