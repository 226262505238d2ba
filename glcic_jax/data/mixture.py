"""Joins several collections of pictures into one, and draws from them by weights."""

import hashlib
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

import numpy as np

from glcic_jax.data.collection import Source, Split
from glcic_jax.data.mean_pixel import read_or_measure_mean
from glcic_jax.data.sources import Files
from glcic_jax.pictures.storage import pictures_below
from glcic_jax.runtime.errors import UserError
from glcic_jax.types import PixelImage


class Joined:
    """Holds the pictures of several collections, one after the other.

    Args:
      parts: the collections; none is empty.
    """

    def __init__(self, parts: Sequence[Source]) -> None:
        self.parts = list(parts)
        self._ends = list(accumulate(len(part) for part in parts))

    def __len__(self) -> int:
        return self._ends[-1]

    def __getitem__(self, index: int) -> PixelImage:
        """Returns picture `index`."""
        return self.find(index)[1]

    def find(self, index: int) -> tuple[int, PixelImage]:
        """Returns picture `index`, or its replacement, which is of the same part, by its number."""
        part = bisect_right(self._ends, index)
        start = self.starts[part]
        number, picture = self.parts[part].find(index - start)
        return start + number, picture

    @property
    def starts(self) -> list[int]:
        """Returns the number of each part's first picture."""
        return [0, *self._ends[:-1]]

    def listing(self) -> str:
        """Returns a digest of the parts' own."""
        return hashlib.sha256("\n".join(p.listing() for p in self.parts).encode()).hexdigest()


class Alternating(Joined):
    """Holds the same pictures, but takes turns: the first of each part, then the second of each.

    So the first few examples show every part. Where a part has no more, its turns are left out.
    """

    def __init__(self, parts: Sequence[Source]) -> None:
        super().__init__(parts)
        turns = [(turn, part) for part, own in enumerate(parts) for turn in range(len(own))]
        self._order = [self.starts[part] + turn for turn, part in sorted(turns)]

    def find(self, index: int) -> tuple[int, PixelImage]:
        """Returns the picture whose turn is number `index`, by its own number."""
        return super().find(self._order[index])


class Drawn(NamedTuple):
    """Describes how training draws from parts.

    Attributes:
      lengths: pictures of each part.
      weights: how often each is drawn, in any unit.
    """

    lengths: tuple[int, ...]
    weights: tuple[float, ...]


def joined(splits: Sequence[Split], weights: Sequence[float]) -> tuple[Split, Drawn | None]:
    """Joins several opened folders.

    Args:
      splits: two or more.
      weights: how often each is drawn, one for each; () = every picture as often as every other.

    Returns:
      One split, and how to draw from it; None = as from one folder. Its mean pixel is that of what
      is drawn. Held-out pictures of the parts take turns.

    Raises:
      UserError: other numbers of weights and folders.
    """
    if weights and len(weights) != len(splits):
        raise UserError(
            f"data.weights has {len(weights)} numbers, and data.root and data.more_roots name "
            f"{len(splits)} folders: give one for each, or ()"
        )
    lengths = tuple(len(split.train) for split in splits)
    means = [split.mean_pixel or read_or_measure_mean(split) for split in splits]
    red, green, blue = np.average(means, axis=0, weights=weights or lengths)
    split = Split(
        Joined([split.train for split in splits]),
        Alternating([split.held_out for split in splits]),
        None,
        (float(red), float(green), float(blue)),
    )
    return split, Drawn(lengths, tuple(weights)) if weights else None


def named_sets(
    entries: Sequence[str], *, min_edge: int, max_bad_fraction: float
) -> dict[str, Files]:
    """Opens folders of pictures that are scored by themselves.

    Args:
      entries: "NAME=FOLDER" each.
      min_edge: the smallest shortest edge of a picture, pixels.
      max_bad_fraction: the share of bad pictures above which the run stops.

    Raises:
      UserError: an entry is not of this form, a name is given twice, or a folder has no pictures.
    """
    found: dict[str, Files] = {}
    for entry in entries:
        name, equals, root = entry.partition("=")
        if not (equals and root and name.replace("_", "").isalnum()) or name in found:
            raise UserError(
                f'data.held_out_sets has "{entry}": write NAME=FOLDER, each NAME once, of letters '
                "and digits"
            )
        if not Path(root).is_dir():
            raise UserError(f"data.held_out_sets: {root}: no such folder")
        names = pictures_below(Path(root), root)
        if not names:
            raise UserError(f"data.held_out_sets: {root}: no pictures there")
        limits = {"min_edge": min_edge, "max_bad_fraction": max_bad_fraction}
        found[name] = Files(Path(root), names, **limits)
    return found
