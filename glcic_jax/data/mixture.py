"""Joins several collections of pictures into one, and draws from them by weights."""

import hashlib
from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate, permutations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from glcic_jax.data.collection import Source, Split
from glcic_jax.data.mean_pixel import Rgb, mean_over, read_or_measure_mean
from glcic_jax.data.shards import holds_shards
from glcic_jax.data.sources import open_source, to_score_by
from glcic_jax.runtime.errors import UserError, blaming
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


def mean_of_drawn(mean: Callable[[int], np.ndarray], count: int, drawn: Drawn | None) -> Rgb:
    """Returns the mean RGB in [0, 1] of what is drawn, given a function of a picture's mean.

    Args:
      mean: returns the mean of picture 0 to `count` - 1, RGB from 0 to 255.
      count: the number of pictures.
      drawn: how they are drawn; None = all equally often.
    """
    if drawn is None:
        return mean_over(mean, count)
    starts = [0, *accumulate(drawn.lengths)]
    means = [
        mean_over(lambda index, first=start: mean(first + index), length)
        for start, length in zip(starts, drawn.lengths, strict=False)
    ]
    red, green, blue = np.average(means, axis=0, weights=drawn.weights)
    return float(red), float(green), float(blue)


def open_sources(data: Any) -> tuple[Split, Drawn | None]:
    """Opens the pictures that `config.data` names, in one folder or in several.

    Each of several folders is read as what it holds: shards, or pictures.

    Returns:
      The pictures, and how to draw from several folders; None = as from one.

    Raises:
      UserError: as `open_source`; settings that do not go with several folders; or folders of which
        one lies within another.
    """
    more = tuple(data.get("more_roots", ()))
    if not (more or data.get("weights", ())):
        return open_source(data), None
    if data.source not in ("folder", "shards") or data.held_out_list:
        raise UserError(
            "data.more_roots and weights are of folders: set data.source to folder or shards, and "
            "data.held_out_list to nothing"
        )
    for root in more:
        _check_folder("data.more_roots", root)
    roots = (data.root, *more)
    for inner, outer in permutations(roots, 2):
        if Path(inner).resolve().is_relative_to(Path(outer).resolve()):
            raise UserError(
                f"data.more_roots: {inner} lies within {outer}: what is held out of one would be "
                "trained on from the other: name folders apart, and how often by data.weights"
            )
    kinds = ["shards" if holds_shards(Path(root)) else "folder" for root in roots]
    splits = [open_source(data, kind=kinds[0])]
    for root, kind in zip(more, kinds[1:], strict=True):
        with blaming("data.more_roots"):
            splits.append(open_source(data, root, kind))
    return joined(splits, tuple(data.get("weights", ())))


def named_sets(
    entries: Sequence[str], *, min_edge: int, max_bad_fraction: float
) -> dict[str, Source]:
    """Opens folders of pictures that are scored by themselves.

    Args:
      entries: "NAME=FOLDER" each. Of shards it is their held-out part.
      min_edge: the smallest shortest edge of a picture, pixels.
      max_bad_fraction: the share of bad pictures above which the run stops.

    Raises:
      UserError: an entry is not of this form, a name is given twice, or a folder has no pictures.
    """
    found: dict[str, Source] = {}
    limits = {"min_edge": min_edge, "max_bad_fraction": max_bad_fraction}
    for entry in entries:
        name, equals, root = entry.partition("=")
        if not (equals and root and name.replace("_", "").isalnum()) or name in found:
            raise UserError(
                f'data.held_out_sets has "{entry}": write NAME=FOLDER, each NAME once, of letters '
                "and digits"
            )
        _check_folder("data.held_out_sets", root)
        with blaming("data.held_out_sets"):
            found[name] = to_score_by(Path(root), root, **limits)
    return found


def _check_folder(field: str, root: str) -> None:
    """Refuses an empty name, which would be the folder where the command runs, and a wrong one."""
    if not root:
        raise UserError(f"{field} has an empty name: write folders there, or nothing")
    if not Path(root).is_dir():
        raise UserError(f"{field}: {root}: no such folder: name folders of pictures or of shards")
