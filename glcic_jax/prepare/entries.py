"""Entries of a data set, and the parts that listing them is made of."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain
from typing import Literal, NamedTuple

from glcic_jax.pictures.storage import children, exists, join_names, pictures, read_bytes
from glcic_jax.runtime.errors import UserError

Where = Literal["train", "held_out"] | None


class Entry(NamedTuple):
    """One picture of a data set.

    name: unique in the data set, "/" between its parts.
    split: "train", "held_out", or None where the data set leaves it open.
    read: returns the bytes of a picture file; can be pickled. Raises UserError.
    """

    name: str
    split: Where
    read: Callable[[], bytes]


def below(root: str, where: str, split: Where) -> Iterator[Entry]:
    """All pictures below root/where, as they are found.

    Raises:
      UserError: there are none, or a folder cannot be read.
    """
    names = pictures(root, where)
    first = next(names, None)
    if first is None:
        found = some_names(root, where)
        raise UserError(f"{join_names(root, where)}: no pictures below this folder; found {found}")
    return entries_of(root, chain([first], names), split)


def entries_of(root: str, names: Iterable[str], split: Where) -> Iterator[Entry]:
    """Pictures whose names are known."""
    return (Entry(name, split, partial(read_bytes, root, name)) for name in names)


def find(root: str, tree: str, *candidates: str) -> str:
    """The one of these names that is there.

    Args:
      root: of the data set.
      tree: what the layout looks like, for the message.
      candidates: relative names of a file or folder.

    Raises:
      UserError: none of them is there, or several are.
    """
    found = [name for name in candidates if exists(root, name)]
    if len(found) == 1:
        return found[0]
    what = f"both {' and '.join(found)}" if found else f"no {' or '.join(candidates)}"
    there = "" if found else f"; found {some_names(root, '')}"
    raise UserError(f"{root}: {what} here{there}; expected {tree}")


def some_names(root: str, where: str) -> str:
    """The first names in a folder, for a message."""
    folders, others = children(root, where)
    names = [*(f"{name}/" for name in folders), *others]
    return ", ".join(names[:6]) + f" and {len(names) - 6} more" * (len(names) > 6) or "nothing"


def cut(root: str, names: list[str], held_out: int) -> tuple[list[str], list[str]]:
    """All but the last `held_out` names, and those.

    Raises:
      UserError: nothing is left to train on.
    """
    if len(names) <= held_out:
        raise UserError(f"{root}: {held_out} pictures are to be held out of only {len(names)}")
    return names[: len(names) - held_out], names[len(names) - held_out :]


def lines(root: str, name: str) -> list[str]:
    """The lines of a text file, without the empty ones.

    Raises:
      UserError: it cannot be read, or is no text.
    """
    try:
        return [line for line in read_bytes(root, name).decode().splitlines() if line.strip()]
    except UnicodeDecodeError as error:
        raise UserError(f"{join_names(root, name)}: this is no list of names: not UTF-8") from error
