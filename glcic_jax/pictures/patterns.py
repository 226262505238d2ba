"""Finds the pictures that a pattern such as shots/*.jpg stands for. Needs no JAX."""

import unicodedata
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from glcic_jax.pictures.left_out import LeftOut, is_picture
from glcic_jax.pictures.storage import children, join_names


def pictures_like(pattern: str, left_out: LeftOut) -> list[Path]:
    """Lists the pictures whose paths fit a pattern, sorted.

    `*`, `?` and `[ab]` stand for letters of one name, `**` for any folders; brackets also stand for
    themselves. Folders at the beginning that are there as written are never patterns. Beyond them
    names that begin with a dot are passed over, and links to folders are not followed.

    Args:
      pattern: a path, absolute or relative.
      left_out: counts what is left out.

    Raises:
      UserError: a folder cannot be read.
    """
    path = Path(pattern)
    base, parts = Path(path.anchor), list(path.relative_to(path.anchor).parts)
    while len(parts) > 1 and (base / parts[0]).is_dir():
        base /= parts.pop(0)
    found = sorted(set(_files_like(str(base), "", parts, left_out, set())))
    return sorted(base / name for name in found if is_picture(name, left_out))


def _files_like(
    root: str, folder: str, parts: list[str], left_out: LeftOut, seen: set[str]
) -> Iterator[str]:
    """Yields the files below root/folder that fit a pattern's parts, some of them repeatedly."""
    first, *rest = parts
    folders, files = children(root, folder, None if folder in seen else left_out)
    seen.add(folder)
    if first == "**":
        yield from _files_like(root, folder, rest or ["*"], left_out, seen)
        for name in folders:
            yield from _files_like(root, join_names(folder, name), parts, left_out, seen)
    elif rest:
        for name in folders:
            if _fits(name, first):
                yield from _files_like(root, join_names(folder, name), rest, left_out, seen)
    else:
        yield from (join_names(folder, name) for name in files if _fits(name, first))


def _fits(name: str, part: str) -> bool:
    name, part = (unicodedata.normalize("NFC", text) for text in (name, part))
    return fnmatchcase(name, part) or fnmatchcase(name, part.replace("[", "[[]"))
