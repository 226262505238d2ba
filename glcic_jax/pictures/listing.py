"""The pictures below a folder."""

import os
from pathlib import Path

from glcic_jax.pictures.decode import EXTENSIONS
from glcic_jax.runtime.errors import UserError


def pictures_below(folder: Path, told: str, what: str = "pictures") -> list[str]:
    """Files with a picture's ending anywhere below a folder: relative POSIX paths, in order.

    Args:
      folder: searched recursively.
      told: the folder as the user knows it, and
      what: is looked for, for messages.

    Raises:
      UserError: no such folder, or none in it.
    """
    if not folder.is_dir():
        raise UserError(f"{told}: no such folder")
    names = sorted(
        (Path(where) / file).relative_to(folder).as_posix()
        for where, _, files in os.walk(folder)
        for file in files
        if Path(file).suffix.lower() in EXTENSIONS
    )
    if not names:
        raise UserError(f"{told}: no {what} ({', '.join(sorted(EXTENSIONS))}) in this folder")
    return names
