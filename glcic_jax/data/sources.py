"""Opens the sources of pictures: random-access collections, uint8 RGB. Needs no JAX."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from glcic_jax.data.collection import Collection, Split
from glcic_jax.data.shards import Records, holds_shards, shards
from glcic_jax.pictures.decode import decode
from glcic_jax.pictures.name_lists import NamesByLine, list_lines
from glcic_jax.pictures.storage import pictures, pictures_below
from glcic_jax.runtime.errors import UserError, blaming
from glcic_jax.runtime.extras import naming_extras

if TYPE_CHECKING:
    from glcic_jax.types import PixelImage


class Files(Collection):
    """Reads pictures from files below `root`."""

    def __init__(
        self, root: Path, names: Sequence[str], *, min_edge: int, max_bad_fraction: float
    ) -> None:
        super().__init__(root, min_edge=min_edge, max_bad_fraction=max_bad_fraction)
        self.names = list(names)

    def __len__(self) -> int:
        return len(self.names)

    def read(self, index: int) -> PixelImage:
        """Reads picture `index`."""
        return decode(self.root / self.names[index])

    def name(self, index: int) -> str:
        """Returns the path of picture `index`."""
        return str(self.root / self.names[index])

    def listing(self) -> str:
        """Returns the SHA-256 of all names."""
        return hashlib.sha256("\n".join(self.names).encode()).hexdigest()


def folder(root: str, *, held_out: float | str, min_edge: int, max_bad_fraction: float) -> Split:
    """Opens all pictures below a folder, in the order of their names.

    Args:
      root: is searched with all folders in it; links to folders are not followed.
      held_out: the share of the pictures to hold out, or a text file with one relative path a line.
        A line that ends in "/" stands for a whole folder. A share picks by a hash of the name: from
        all folders alike, and the same ones in every run.
      min_edge: the smallest shortest edge of a picture, pixels.
      max_bad_fraction: the share of bad pictures above which the run stops.

    Raises:
      UserError: the folder is missing, empty, or one of shards; a line of the list matches nothing;
        or one of the two parts is empty.
    """
    base = Path(root)
    if not base.is_dir():
        raise UserError(f"{root}: no such folder; set data.root to the folder of the pictures")
    if holds_shards(base) and next(pictures(root), None) is None:
        raise UserError(f"{root}: shards, not files of pictures: set data.source to shards")
    names = pictures_below(base, root)
    if isinstance(held_out, str):
        with blaming("data.held_out_list"):
            chosen = _chosen_by_list(names, held_out)
    else:
        chosen = _chosen_by_hash(names, held_out)
    rest = [name for name in names if name not in chosen]
    if not rest or not chosen:
        raise UserError(
            f"{root}: {len(names)} pictures leave {len(rest)} to train on and {len(chosen)} held "
            "out: set data.held_out so that both have some"
        )
    limits = {"min_edge": min_edge, "max_bad_fraction": max_bad_fraction}
    kept = [name for name in names if name in chosen]
    return Split(Files(base, rest, **limits), Files(base, kept, **limits), base)


def _chosen_by_hash(names: list[str], share: float) -> set[str]:
    count = max(1, round(len(names) * share)) if share > 0 else 0
    return set(sorted(names, key=lambda name: hashlib.sha256(name.encode()).digest())[:count])


def _chosen_by_list(names: list[str], path: str) -> set[str]:
    try:
        lines = list_lines(Path(path).read_bytes(), path)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from error
    known, chosen = NamesByLine(names), set()
    for line in lines:
        with blaming(path):
            matches = known.find(line)
        if not matches:
            raise UserError(f"{path}: {line} is not a picture below data.root")
        chosen.update(matches)
    return chosen


def to_score_by(
    root: Path, address: str, *, min_edge: int, max_bad_fraction: float
) -> Files | Records:
    """Opens pictures to score by: all below a folder, or the held-out part of its shards.

    Args:
      root: the folder. It holds shards if some lie directly in it.
      address: the folder as the user gave it, for messages.
      min_edge: the smallest shortest edge of a picture, pixels.
      max_bad_fraction: the share of bad pictures above which the run stops.

    Raises:
      UserError: the folder is missing or empty, or its shards are not as their index lists them.
    """
    limits = {"min_edge": min_edge, "max_bad_fraction": max_bad_fraction}
    if not holds_shards(root):
        return Files(root, pictures_below(root, address), **limits)
    records = shards(str(root), **limits).held_out
    assert isinstance(records, Records)
    return records


class Arrays:
    """Holds pictures in memory."""

    def __init__(self, images: Sequence[PixelImage]) -> None:
        self._images = list(images)

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> PixelImage:
        """Returns picture `index`."""
        return self._images[index]

    def find(self, index: int) -> tuple[int, PixelImage]:
        """Returns picture `index` after its number: none of them is bad."""
        return index, self._images[index]

    def listing(self) -> str:
        """Returns the SHA-256 of all pixels."""
        return hashlib.sha256(b"".join(image.tobytes() for image in self._images)).hexdigest()


def scikit_image(*, held_out: float) -> Split:
    """Opens four colour photographs in scikit-image's wheel, in the public domain or CC0.

    They are astronaut (NASA), chelsea (Stefan van der Walt), coffee (Rachel Michetti) and rocket
    (SpaceX). Of each, the share `held_out` at the right is held out; the rest is to train on.
    """
    with naming_extras():
        from skimage import data

    train, rest = [], []
    for photograph in (data.astronaut, data.chelsea, data.coffee, data.rocket):
        image = np.asarray(photograph())
        cut = image.shape[1] - round(image.shape[1] * held_out)
        train.append(image[:, :cut])
        rest.append(image[:, cut:])
    return Split(Arrays(train), Arrays(rest))


SOURCES = {"folder": folder, "shards": shards, "scikit_image": scikit_image}
"""The sources by their names in `config.data.source`."""


def limits_of(data: Any) -> dict[str, Any]:
    """Returns the limits of `config.data` below which pictures are bad."""
    return {"min_edge": data.min_edge, "max_bad_fraction": data.max_bad_fraction}


def open_source(data: Any, root: str | None = None, kind: str | None = None) -> Split:
    """Opens the pictures of one folder.

    Args:
      data: `config.data`.
      root: the folder, in place of `data.root`.
      kind: what it holds, in place of `data.source`.

    Raises:
      UserError: the source is unknown, or refuses its pictures.
    """
    kind, root, limits = kind or data.source, root or data.root, limits_of(data)
    if kind not in SOURCES:
        raise UserError(f'data.source is "{kind}": choose {", ".join(SOURCES)}')
    if kind == "folder":
        return SOURCES["folder"](root, held_out=data.held_out_list or data.held_out, **limits)
    if kind == "shards":
        return SOURCES["shards"](root, **limits)
    return SOURCES[kind](held_out=data.held_out)
