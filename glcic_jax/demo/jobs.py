"""Defines what the page's server has done in a process of its own, and what comes back."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import NamedTuple

from glcic_jax.masks.select import Mark
from glcic_jax.pictures.photo_writer import FILE_KINDS

KINDS = {"png": ".png", "jpeg": ".jpg", "webp": ".webp", "tiff": ".tif", "bmp": ".bmp"}
"""Kinds of files that are answered, by the names that requests give them, with extensions."""

OWN = "own"
"""Stands for the photograph's own kind."""

ADDED = "_completed"
"""What the name of a completed file has before its extension."""

LONGEST_NAME = 100
"""Characters of a file's name without its extension that are kept."""


class FillJob(NamedTuple):
    """Asks for a completion.

    Attributes:
      image: bytes of a picture file.
      mask: bytes of another of the same size, white = fill.
      method: one of the names that `named_fills` returned.
      postprocess: whether and how to blend the result into its surroundings, as
        `Completer.__call__` takes it.
      texture: whether texture is copied into the hole, guided by the method.
      seed: another seed copies other texture.
      avoid: bytes of a mask like `mask`, white = not to be copied; empty = everything may be.
      grow: pixels by which the mask grows.
      kind: one of KINDS, or OWN.
      name: the picture file's name.
    """

    image: bytes
    mask: bytes
    method: str
    postprocess: bool | str
    texture: bool = False
    seed: int = 0
    avoid: bytes = b""
    grow: int = 0
    kind: str = "png"
    name: str = ""


class SaveJob(NamedTuple):
    """Asks for a photograph's own file with the pixels of a completed picture.

    Attributes:
      image: bytes of the photograph's file.
      result: bytes of the completed picture's file, of the same size.
      kind: one of KINDS, or OWN.
      name: the photograph's file's name.
    """

    image: bytes
    result: bytes
    kind: str = OWN
    name: str = ""


class SelectJob(NamedTuple):
    """Asks for the mask of a thing.

    Attributes:
      image: bytes of a picture file.
      marks: clicks and scribbles, in pixels of the upright picture.
    """

    image: bytes
    marks: tuple[Mark, ...]


class Answer(NamedTuple):
    """Holds a file that was asked for.

    Attributes:
      data: its bytes.
      media: its media type.
      name: a name for it.
      remarks: a line for each thing that the user should know about it.
    """

    data: bytes
    media: str = "image/png"
    name: str = ""
    remarks: tuple[str, ...] = ()


def extension_for(kind: str, own: str) -> str:
    """Returns the extension of a kind of file.

    Args:
      kind: one of KINDS, or OWN.
      own: the photograph's own kind, as Pillow names it.
    """
    if kind != OWN:
        return KINDS[kind]
    return next((known for known in KINDS.values() if FILE_KINDS[known] == own), ".png")


def completed_name(name: str, extension: str) -> str:
    """Returns the name of a completed file: holiday.jpeg becomes holiday_completed.jpeg, once.

    Args:
      name: of the photograph's file; folders in it, and what no file's name may hold, are left out.
      extension: of the completed file; another one of the same kind stays.
    """
    path = PurePosixPath(name.replace("\\", "/"))
    stem, own = (path.stem, path.suffix) if path.suffix else (path.name, "")
    if FILE_KINDS.get(own.lower()) != FILE_KINDS[extension]:
        own = extension
    kept = "".join(letter for letter in stem if letter.isprintable() and letter not in '<>:"|?*/')
    kept = re.sub(f"(?:{ADDED})+$", "", kept[:LONGEST_NAME].strip(" .")) or "picture"
    return kept + ADDED + own
