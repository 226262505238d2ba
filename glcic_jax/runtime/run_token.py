"""Finds or makes the secret by which the processes of one run know each other. Needs no JAX."""

import contextlib
import os
import re
import secrets
from pathlib import Path

from glcic_jax.runtime.errors import UserError

VARIABLE = "GLCIC_RUN_TOKEN"
"""Environment variable that holds the token, where all processes have been given one."""

FILE = ".token"
"""Name of the file in the run folder through which process 0 hands the others a token."""

SHORTEST = 16
"""Characters of a token from the environment, below which it could be guessed."""


class TokenError(Exception):
    """Is raised if one side of a connection does not know the token of the other."""


class RunToken:
    """Holds the token of a run: GLCIC_RUN_TOKEN, or else a file in the run folder.

    Attributes:
      given: the token from the environment; empty if it comes from the file.
      source: the name of the variable or of the file, for messages.
      advice: what to do so that all processes have the same token, for messages.

    Args:
      folder: the run folder; it need not exist.

    Raises:
      UserError: the token from the environment is too short.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._path = folder, folder / FILE
        self._made_file = self._made_folder = False
        self.given = os.environ.get(VARIABLE, "")
        if self.given and len(self.given) < SHORTEST:
            advice = "make one with openssl rand -hex 32"
            raise UserError(f"{VARIABLE} has fewer than {SHORTEST} characters: {advice}")
        self.source = VARIABLE if self.given else str(self._path)
        self.advice = f"give all the same {VARIABLE}, or none at all"
        if not self.given:
            shared = "put --workdir on storage that all processes share"
            self.advice = f"{shared}, or give all the same {VARIABLE}"

    def make(self) -> str:
        """Returns the token, for process 0; makes a new file of it that only this user can read.

        Raises:
          UserError: the run folder cannot be written.
        """
        if self.given:
            return self.given
        token = secrets.token_hex(32)
        try:
            self._made_folder = not self._folder.exists()
            self._folder.mkdir(parents=True, exist_ok=True)
            self._path.unlink(missing_ok=True)  # left by a start that was killed
            self._path.touch(mode=0o600, exist_ok=False)
            self._made_file = True
            self._path.write_text(token, "utf-8")
        except OSError as error:
            raise UserError(
                f"{self._folder}: cannot write there ({error.strerror}): choose another --workdir"
            ) from error
        return token

    def read(self) -> str:
        """Returns the token, for the other processes.

        Raises:
          TokenError: there is no file, or not all of it.
        """
        if self.given:
            return self.given
        with contextlib.suppress(OSError, ValueError):
            token = self._path.read_text("utf-8")
            if re.fullmatch("[0-9a-f]{64}", token):
                return token
        raise TokenError(f"asks for a token of the run, but {self._path} holds none")

    def remove(self) -> None:
        """Removes what `make` made: the file, and the run folder if nothing else is in it."""
        with contextlib.suppress(OSError):
            if self._made_file:
                self._path.unlink(missing_ok=True)
            if self._made_folder:
                self._folder.rmdir()
