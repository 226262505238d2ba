"""Defines the errors that are printed without a traceback. Refusals must not wait for JAX."""

from collections.abc import Iterator
from contextlib import contextmanager


class UserError(Exception):
    """Signals a mistake that the user can mend. It is printed in one line, without a traceback."""

    code = 2
    """The exit code of the process."""


class FaultError(UserError):
    """Signals a fault of the machine. It is printed in one line, without a traceback.

    The same command goes on afterwards. The process ends at once: some of its threads may wait for
    an answer that will never come.
    """

    code = 1


@contextmanager
def blaming(field: str) -> Iterator[None]:
    """Lets refusals begin with the field of a config whose value brings them about.

    Args:
      field: its dotted name, such as "data.more_roots".

    Raises:
      UserError: as what is done meanwhile; the field stands before its line.
    """
    try:
        yield
    except FaultError:  # the machine's, whatever the field
        raise
    except UserError as error:
        raise UserError(f"{field}: {error}") from error


def one_line(error: Exception) -> str:
    """Returns a library's error message as one line of at most 200 characters.

    Without a message it is the name of the error's type.
    """
    return " ".join(str(error).split())[:200] or type(error).__name__
