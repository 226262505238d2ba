"""Files that are whole or not there, and full or slow disks told in one line."""

import errno
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from glcic_jax.runtime.errors import FaultError, UserError

MARGIN = 2**20
"""Bytes beyond the arrays themselves: descriptions and indices."""

SLOW = 1.0
"""Seconds of waiting that need no word."""

FULL = (errno.ENOSPC, errno.EDQUOT)
"""The numbers of the operating system's errors for a full disk and a used-up quota."""


def write_whole(path: Path, content: str | bytes) -> None:
    """Writes a file that appears under its name only once it is whole.

    Raises:
      OSError: it cannot be written; what was there before still is.
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
        if replace and path.exists():
            path.rename(old)
        temporary.replace(path)  # the system refuses it if a folder is there that is not empty
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def check_space(folder: Path, size: int, last_good: Callable[[], str]) -> None:
    """Refuses to start writing `size` bytes that will not fit.

    Args:
      folder: on the disk in question.
      size: bytes.
      last_good: says what is left to go on from.

    Raises:
      UserError: too little is free.
    """
    free = shutil.disk_usage(folder).free
    if free < size + MARGIN:
        needed = f"{(size + MARGIN) / 2**20:,.0f} MiB needed, {free / 2**20:,.0f} free"
        raise UserError(_line(folder, needed, last_good()))


@contextmanager
def clear_errors(folder: Path, last_good: Callable[[], str]) -> Iterator[None]:
    """Turns the many forms of a full disk, met while writing, into one line; a hanging one too.

    Raises:
      UserError: in place of whatever said that there is no space; other errors pass.
      FaultError: in place of a `TimeoutError`.
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
            told = str(cause).lower()
            full = getattr(cause, "errno", None) in FULL
            if full or "no space left" in told or "quota exceeded" in told:
                raise UserError(_line(folder, "no space left", last_good())) from error
            cause = cause.__cause__ or cause.__context__
        raise


@contextmanager
def told_if_slow(tell: Callable[[str], None], line: str) -> Iterator[None]:
    """Tells `line`, once, if what is done within takes longer than `SLOW` seconds."""
    timer = threading.Timer(SLOW, tell, [line])
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _line(folder: Path, detail: str, last_good: str) -> str:
    return f"disk full: {folder}: {detail}; {last_good}: free some space and start again"


def read_file(path: Path) -> bytes:
    """The bytes of a file.

    Raises:
      UserError: it is not there, or cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}") from error


def write_file(path: Path, content: str | bytes) -> None:
    """Makes the folder if need be, and the file, which is whole or not there.

    Raises:
      UserError: the folder or the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content)
    except OSError as error:
        raise UserError(f"{path}: cannot write it: {error.strerror or error}") from error
