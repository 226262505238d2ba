"""Files read and written whole, with the errors told in one line."""

from pathlib import Path

from glcic_jax.runtime.disk import write_whole
from glcic_jax.types import UserError


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
