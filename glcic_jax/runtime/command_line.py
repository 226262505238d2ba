"""What the commands have in common: their help, and how they end."""

import argparse
import os
import sys
from collections.abc import Callable

from glcic_jax.runtime.disk import FULL
from glcic_jax.runtime.errors import FaultError, UserError


def command_parser(module: str, about: str | None) -> argparse.ArgumentParser:
    """A parser for `python -m MODULE` whose --help begins with `about`, line for line.

    It refuses what it does not know with exit code 2, as argparse does.
    """
    return argparse.ArgumentParser(
        prog=f"python -m {module}",
        description=about,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def exit_code(work: Callable[[], int | None]) -> int:
    """Runs a command; 2 for a mistake of the user's or a full disk, told in one line.

    Otherwise what `work` returns, 0 for nothing. A `FaultError` ends the process.
    """
    try:
        return work() or 0
    except Exception as error:
        line = told(error)
        if line is None:
            raise
        print(f"error: {line}", file=sys.stderr)
        if isinstance(error, FaultError):
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(error.code)
    return UserError.code


def told(error: BaseException) -> str | None:
    """The one line that says a mistake of the user's or a full disk; None for other errors."""
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, OSError) and error.errno in FULL:
        return f"disk full: {error}: free some space and start again"
    return None
