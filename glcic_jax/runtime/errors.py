"""The errors that are told without a traceback. No imports: refusals must not wait for JAX."""


class UserError(Exception):
    """A mistake the user can mend: told in one line, no traceback."""

    code = 2
    """What the process ends with."""


class FaultError(UserError):
    """A fault of the machine, after which the same command goes on: told in one line, no traceback.

    The process ends at once, since threads of its own may wait for what will never come.
    """

    code = 1


def one_line(error: Exception) -> str:
    """The message of an error of a library, cut to what fits a line."""
    return " ".join(str(error).split())[:200] or type(error).__name__
