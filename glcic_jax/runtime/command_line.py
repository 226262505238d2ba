"""Holds the help and the exit codes that all commands share."""

import argparse
import errno
import os
import re
import signal
import sys
import threading
from _thread import interrupt_main
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from glcic_jax.runtime.disk import FULL
from glcic_jax.runtime.errors import FaultError, UserError
from glcic_jax.runtime.extras import explain_import
from glcic_jax.runtime.output import UNREAD, UNREAD_LINE, complain, drop, reader_gone, write_out
from glcic_jax.runtime.version import VERSION

BARRED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG, errno.ELOOP)
"""Errors that a place or a name which the user gave brings about, wherever it is first looked
at."""

VERSION_LINE = f"glcic_jax {VERSION}"
"""What --version prints."""

_names: dict[str, str] = {}


def name_commands(names: Mapping[str, str]) -> None:
    """Lets help and usage lines call modules by other names than `python -m MODULE` from now on.

    Args:
      names: name of each command by its module, such as {"glcic_jax.main": "glcic train"}.
    """
    _names.update(names)


def command_parser(module: str, about: str | None) -> argparse.ArgumentParser:
    """Returns a parser for `python -m MODULE` whose --help begins with `about`, line for line.

    Like every argparse parser it refuses unknown arguments with exit code 2, and empty texts and
    paths too: Path("") is the current folder. It answers --version, and takes numbers that begin
    with a minus, such as -3,4, for values.
    """
    parser = _Parser(
        prog=_as_called(f"python -m {module}"),
        description=about and _as_called(about),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.register("type", None, _text)
    parser.register("type", Path, lambda text: Path(_text(text)))
    parser.add_argument(
        "--version", action="version", version=VERSION_LINE, help="print the version and leave"
    )
    return parser


def _text(text: str) -> str:
    """Returns the value of an argument, unless it is empty, as that of an unset variable is."""
    if not text:
        raise argparse.ArgumentTypeError("its value is empty: give one, or leave the argument out")
    return text


class _Parser(argparse.ArgumentParser):
    """Reads "--click -3,4" as "--click=-3,4"; argparse itself takes -3,4 for a flag."""

    def parse_known_args(  # pyright: ignore[reportIncompatibleMethodOverride]: typeshed overloads it
        self, args: Any = None, namespace: Any = None
    ) -> Any:
        words = sys.argv[1:] if args is None else args
        return super().parse_known_args(_with_minus(words), namespace)

    def error(self, message: str) -> NoReturn:
        if message.endswith("expected one argument"):
            message += "; one that begins with a minus goes behind =, as in --flag=-value"
        super().error(message)


def _with_minus(words: Sequence[str]) -> list[str]:
    """Returns the words of a command line with each flag joined to numbers with a minus after it.

    What comes behind "--" stays as it is, and so does a number alone, which argparse reads rightly:
    it may be the first of several values of the flag before it, or not belong to that flag.
    """
    joined: list[str] = []
    for word in words:
        flag = joined[-1] if joined and "--" not in joined else ""
        several = re.match(r"-\.?\d", word) and not re.fullmatch(r"-\d+|-\d*\.\d+", word)
        if several and re.fullmatch(r"--[^=]+", flag):
            joined[-1] = f"{flag}={word}"
        else:
            joined.append(word)
    return joined


def _as_called(text: str) -> str:
    """Returns a text whose `python -m MODULE` are what the user calls these modules."""
    return re.sub(r"python -m ([\w.]+\w)", lambda found: _names.get(found[1], found[0]), text)


STOPPED, STOPPED_LINE = 130, "stopped by Ctrl-C"
"""Exit code after Ctrl-C, 128 + SIGINT as shells count, and what is printed then."""


def stop_in_one_line() -> None:
    """Lets Ctrl-C end the process with one line and STOPPED from now on, until `exit_code` works.

    Meanwhile commands are imported, which takes seconds. An exception might come out of a library
    of C++ as another one. An import that lacks an extra ends the process with one line too.
    """
    if sys.excepthook is sys.__excepthook__:
        sys.excepthook = _name_extra
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _stop)


def _name_extra(kind: type[BaseException], error: BaseException, trace: Any) -> None:
    """Prints an error that nobody caught: an extra that is missing in one line."""
    refusal = explain_import(error)
    if refusal is None:
        sys.__excepthook__(kind, error, trace)
        return
    print(f"error: {refusal}", file=sys.stderr)
    raise SystemExit(UserError.code)


def _stop(signum: int, frame: object) -> None:
    print(STOPPED_LINE, file=sys.stderr, flush=True)
    os._exit(STOPPED)


@contextmanager
def stopping_at_once() -> Iterator[None]:
    """Lets Ctrl-C end the process with one line meanwhile: for imports, as `stop_in_one_line`."""
    stop_in_one_line()
    try:
        yield
    finally:
        _raise_again()


def _raise_again() -> None:
    """Lets Ctrl-C raise KeyboardInterrupt again after `stop_in_one_line`."""
    if signal.getsignal(signal.SIGINT) is _stop:
        signal.signal(signal.SIGINT, signal.default_int_handler)


AGAIN = 0.05
"""Seconds after which a Ctrl-C that was dropped is raised again."""


@contextmanager
def _hearing_ctrl_c() -> Iterator[None]:
    """Raises KeyboardInterrupt again where Python drops it meanwhile.

    It does so in callbacks, such as JAX's after garbage collection: the command would go on.
    """
    before = sys.unraisablehook

    def hook(dropped: "sys.UnraisableHookArgs") -> None:
        if dropped.exc_type is not KeyboardInterrupt:
            before(dropped)
            return
        timer = threading.Timer(AGAIN, interrupt_main)  # later, for the callback is not over yet
        timer.daemon = True
        timer.start()

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before


def exit_code(work: Callable[[], int | None], stopped: str = STOPPED_LINE) -> int:
    """Runs a command and returns its exit code.

    A mistake of the user's or a full disk is printed in one line. A `FaultError` is printed too,
    and ends the process at once.

    Args:
      work: the command.
      stopped: the line that is printed after Ctrl-C.

    Returns:
      What `work` returns (0 for None), 2 after a mistake of the user's or on a full disk, STOPPED,
      or UNREAD.
    """
    _raise_again()
    try:
        code = _ended(work, stopped)
    finally:
        unwritten = write_out()
    if code or unwritten is None:
        return code
    complain(f"error: {unwritten}")
    return UserError.code


def _ended(work: Callable[[], int | None], stopped: str) -> int:
    """Runs a command and returns its exit code, as `exit_code` does."""
    try:
        with _hearing_ctrl_c():
            return work() or 0
    except KeyboardInterrupt:
        complain(stopped)
        return STOPPED
    except Exception as error:
        if isinstance(error, BrokenPipeError) and reader_gone():
            complain(UNREAD_LINE)
            return UNREAD
        message = user_message(error)
        if message is None:
            raise
        complain(f"error: {message}")
        if isinstance(error, FaultError):
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(error.code)
    return UserError.code


def print_result(text: str) -> None:
    """Prints a text. A reader that has gone, such as head, is no fault."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        drop(sys.stdout)


def user_message(error: BaseException) -> str | None:
    """Returns the one line that explains a mistake of the user's, or what the machine lacks.

    That is a full disk, a forbidden place, or an extra of the package.

    Returns:
      The line; None for all other errors.
    """
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, OSError) and error.errno in FULL:
        return f"disk full: {error}: free some space and start again"
    if isinstance(error, OSError) and error.errno in BARRED and error.filename is not None:
        return f"{error.filename}: {error.strerror}: choose another place or name"
    refusal = explain_import(error)
    return str(refusal) if refusal else None
