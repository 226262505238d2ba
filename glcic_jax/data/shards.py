"""Reads prepared collections: ArrayRecord shards of picture files, and the index beside them.

A record is a JPEG or PNG file and nothing else. NAME.array_record has a NAME.json beside it with
the names of its records (`ShardDescription`). index.json is written last: a folder that has it is
complete. Needs no JAX.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from glcic_jax.data.collection import Collection, Split
from glcic_jax.data.record_files import count_records, open_records
from glcic_jax.pictures.decode import decode_bytes
from glcic_jax.pictures.left_out import SHARD
from glcic_jax.pictures.storage import pictures
from glcic_jax.runtime.digests import file_digest
from glcic_jax.runtime.errors import UserError

if TYPE_CHECKING:
    from glcic_jax.types import PixelImage

INDEX = "index.json"
VERSION = 1
"""Version of the format. It rises when older code can no longer read the folder."""

Part = Literal["train", "held_out"]
AGAIN = "run glcic_jax.prepare again with this --output: it writes what is missing"


class Shard(NamedTuple):
    """Describes a file of records as the index lists it."""

    name: str
    records: int
    bytes: int
    sha256: str


class Index(NamedTuple):
    """Holds the content of index.json.

    Attributes:
      train: the shards to train on.
      held_out: the held-out shards.
      mean_pixel: the mean of the training pictures, RGB in [0, 1].
    """

    train: list[Shard]
    held_out: list[Shard]
    mean_pixel: tuple[float, float, float]


class ShardDescription(NamedTuple):
    """Holds the content of the JSON file beside a shard.

    Attributes:
      config: SHA-256 of the folder's config.json, which the shard was prepared by.
      shard: the file's name, records, bytes and SHA-256.
      names: the names of the records, in their order.
      mean: sums over the pictures of their mean R, G and B, 0 to 255 each.
      left_out: [name, reason] of each picture that cannot be used.
      passed_over: the names of the pictures in which --align found no face.
      duplicates: [name, name of the held-out picture, "exact" or "near"] of each dropped picture.
      prints: the fingerprints of held-out pictures (`duplicates.Fingerprint`), in hex.
    """

    config: str
    shard: Shard
    names: list[str]
    mean: list[float]
    left_out: list[list[str]]
    passed_over: list[str]
    duplicates: list[list[str]]
    prints: list[list[str]]


def shard_name(part: Part, number: int, count: int) -> str:
    """Returns the name of a shard without its extension."""
    return f"{part}-{number:05}-of-{count:05}"


def holds_shards(root: Path) -> bool:
    """Returns whether there are shards in a folder, of pictures that are prepared or being so."""
    return any(root.glob(f"[!.]*{SHARD}"))


def read_shard_description(root: Path, name: str) -> ShardDescription | None:
    """Reads the file beside the shard `name`; returns None if it is missing or damaged."""
    try:
        fields = json.loads((root / f"{name}.json").read_text("utf-8"))
        return ShardDescription(**fields | {"shard": Shard(**fields["shard"])})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def read_index(root: Path) -> Index:
    """Reads the index of a prepared folder.

    Raises:
      UserError: the folder is missing, not prepared to the end, or of another version.
    """
    path = root / INDEX
    try:
        fields: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        if not root.is_dir():
            what = "no such folder; set data.root to the --output of glcic_jax.prepare"
            raise UserError(f"{root}: {what}") from error
        raise UserError(
            f"{path}: no such file: the folder is not prepared to the end; {AGAIN}"
        ) from error
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read: {error}; {AGAIN}") from error
    try:
        if fields["version"] != VERSION:
            raise UserError(
                f"{path}: written in version {fields['version']} of the format, this program reads "
                f"{VERSION}: prepare the pictures again"
            )
        train, held_out = ([Shard(**s) for s in fields["shards"][p]] for p in ("train", "held_out"))
        red, green, blue = fields["mean_pixel"]
        if not all(any(shard.records for shard in part) for part in (train, held_out)):
            raise ValueError("no records")
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: no index of prepared pictures; {AGAIN}") from error
    return Index(train, held_out, (red, green, blue))


def check_shards(root: Path, shards: Sequence[Shard]) -> None:
    """Compares files with the index by size and number of records, which takes milliseconds each.

    Raises:
      UserError: a file is missing, cut short, or not the one that the index lists.
    """
    for shard in shards:
        path = root / shard.name
        if not path.is_file():
            raise UserError(f"{path}: no such file, but {INDEX} lists it; {AGAIN}")
        if (size := path.stat().st_size) != shard.bytes:
            raise UserError(f"{path}: {size:,} bytes, {INDEX} lists {shard.bytes:,}; {AGAIN}")
        if (count := count_records(path)) != shard.records:
            raise UserError(f"{path}: {count:,} records, {INDEX} lists {shard.records:,}; {AGAIN}")


def verify(root: Path) -> Index:
    """Reads every byte of a prepared folder and compares it with the index.

    Raises:
      UserError: as in `read_index` and `check_shards`; or a file has changed.
    """
    index = read_index(root)
    shards = index.train + index.held_out
    check_shards(root, shards)
    for shard in shards:
        if file_digest(root / shard.name) != shard.sha256:
            path = root / shard.name
            raise UserError(f"{path}: its bytes have changed: delete it, then {AGAIN}")
    return index


class Records(Collection):
    """Reads the pictures of some shards, in any order."""

    def __init__(
        self, root: Path, shards: Sequence[Shard], *, min_edge: int, max_bad_fraction: float
    ) -> None:
        super().__init__(root, min_edge=min_edge, max_bad_fraction=max_bad_fraction)
        full = [shard for shard in shards if shard.records]
        self._names = [shard.name for shard in full]
        self._ends = list(accumulate(shard.records for shard in full))
        self._source = open_records([(root / shard.name, shard.records) for shard in full])

    def __len__(self) -> int:
        return self._ends[-1]

    @cached_property
    def names(self) -> list[str]:
        """Returns the names that the pictures had, in the order of the records.

        Raises:
          UserError: the file beside a shard, which holds them, is missing or damaged.
        """
        found: list[str] = []
        for name, end in zip(self._names, self._ends, strict=True):
            path = self.root / name
            description = read_shard_description(self.root, path.stem)
            found += description.names if description else []
            if len(found) != end:
                raise UserError(f"{path.with_suffix('.json')}: missing or damaged; {AGAIN}")
        return found

    def read(self, index: int) -> PixelImage:
        """Reads picture `index`."""
        try:
            data = self._source[index]
        except (RuntimeError, ValueError, IndexError) as error:  # a damaged block of the file
            raise UserError(f"{self.name(index)}: the shard is damaged there") from error
        try:
            return decode_bytes(data, "")
        except UserError as error:
            raise UserError(f"{self.name(index)}{error}") from error

    def listing(self) -> str:
        """Returns the SHA-256 of the names of the shards, with their numbers of records."""
        return hashlib.sha256(repr((self._names, self._ends)).encode()).hexdigest()

    def name(self, index: int) -> str:
        """Returns the shard, the number of the record, and the name that the picture had."""
        number = next(n for n, end in enumerate(self._ends) if index < end)
        record = index - (self._ends[number - 1] if number else 0)
        path = self.root / self._names[number]
        description = read_shard_description(self.root, path.stem)
        names = description.names if description else []
        known = f" ({names[record]})" if record < len(names) else ""
        return f"{path}: record {record}{known}"


def shards(root: str, *, min_edge: int, max_bad_fraction: float) -> Split:
    """Opens a folder that glcic_jax.prepare wrote. Its index has the split and the mean pixel.

    Args:
      root: the folder.
      min_edge: the smallest shortest edge of a picture, pixels.
      max_bad_fraction: the share of bad records above which the run stops.

    Raises:
      UserError: the folder is not prepared to the end, is of another version, or has files that
        disagree with the index; or it is one of pictures.
    """
    base = Path(root)
    if base.is_dir() and not holds_shards(base) and next(pictures(root), None) is not None:
        raise UserError(
            f"{root}: files of pictures, not shards: set data.source to folder, or data.root to "
            "the --output of glcic_jax.prepare"
        )
    index = read_index(base)
    check_shards(base, index.train + index.held_out)
    limits = {"min_edge": min_edge, "max_bad_fraction": max_bad_fraction}
    train, held_out = (Records(base, part, **limits) for part in (index.train, index.held_out))
    return Split(train, held_out, base, index.mean_pixel)
