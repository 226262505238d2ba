"""The one error that is told without a traceback. No imports: refusals must not wait for JAX."""


class UserError(Exception):
    """A mistake the user can mend: told in one line, exit code 2, no traceback."""
