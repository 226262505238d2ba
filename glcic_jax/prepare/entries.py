"""Describes the pictures of a data set, and lists them in the ways that layouts need."""

import logging
from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial
from itertools import chain
from typing import NamedTuple

from glcic_jax.data.shards import Part
from glcic_jax.pictures.left_out import LeftOut
from glcic_jax.pictures.name_lists import list_lines
from glcic_jax.pictures.storage import children, exists, join_names, pictures, read_bytes
from glcic_jax.runtime.errors import UserError

log = logging.getLogger(__name__)


class Entry(NamedTuple):
    """Describes a picture of a data set.

    Attributes:
      name: the picture's name, unique in the data set, with "/" between its parts.
      split: "train" or "held_out"; None if the data set has no split.
      read: returns the bytes of the picture file; can be pickled. Raises UserError.
    """

    name: str
    split: Part | None
    read: Callable[[], bytes]


def below(root: str, where: str, split: Part | None) -> Iterator[Entry]:
    """Yields all pictures below root/where, as they are found.

    Raises:
      UserError: there are none, or a folder cannot be read.
    """
    left_out = LeftOut()
    names = pictures(root, where, left_out=left_out)
    first = next(names, None)
    if first is None:
        found = some_names(root, where)
        raise UserError(
            f"{join_names(root, where)}: no pictures below this folder; found {found}"
            f"{left_out.clause()}"
        )
    address = join_names(root, where)
    return entries_of(root, _reported(chain([first], names), address, left_out), split)


def entries_of(root: str, names: Iterable[str], split: Part | None) -> Iterator[Entry]:
    """Yields pictures whose names are known."""
    return (Entry(name, split, partial(read_bytes, root, name)) for name in names)


def _reported(names: Iterable[str], address: str, left_out: LeftOut) -> Iterator[str]:
    """Yields all names, and then logs what was left out: once, however often it is listed."""
    yield from names
    if line := left_out.line():
        _log_once(f"{address}: {line}")


@cache
def _log_once(line: str) -> None:
    log.warning("%s", line)


def find(root: str, tree: str, *candidates: str) -> str:
    """Returns the one of several names that exists.

    Args:
      root: the folder of the data set.
      tree: a sketch of the layout, for the message.
      candidates: relative names of a file or folder.

    Raises:
      UserError: none of them exists, or several do.
    """
    found = [name for name in candidates if exists(root, name)]
    if len(found) == 1:
        return found[0]
    what = f"both {' and '.join(found)}" if found else f"no {' or '.join(candidates)}"
    there = "" if found else f"; found {some_names(root, '')}"
    raise UserError(f"{root}: {what} here{there}; expected {tree}")


def some_names(root: str, where: str) -> str:
    """Returns the first names in a folder, for a message."""
    folders, others = children(root, where)
    names = [*(f"{name}/" for name in folders), *others]
    if not names:
        return "nothing"
    more = f" and {len(names) - 6} more" if len(names) > 6 else ""
    return ", ".join(names[:6]) + more


def cut(root: str, names: list[str], held_out: int) -> tuple[list[str], list[str]]:
    """Splits names into all but the last `held_out` names, and those.

    Raises:
      UserError: nothing is left to train on.
    """
    if len(names) <= held_out:
        raise UserError(f"{root}: {held_out} pictures are to be held out of only {len(names)}")
    return names[: len(names) - held_out], names[len(names) - held_out :]


def lines(root: str, name: str) -> list[str]:
    """Reads the lines of a text file, without the empty ones.

    Raises:
      UserError: it cannot be read, or is not text (`list_lines`).
    """
    return list_lines(read_bytes(root, name), join_names(root, name))
