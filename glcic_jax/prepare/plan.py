"""Plans which picture goes into which shard, by a hash of its name: a shard is a random sample.

The plan is small whatever the collection, so every process can place a picture by itself. Needs no
JAX.
"""

import hashlib
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np

from glcic_jax.data.shards import Part
from glcic_jax.prepare.entries import Entry
from glcic_jax.runtime.errors import UserError

FULL = 16_384
"""Pictures per shard of large collections: some 700 MB, and at most a thousand open files."""

GATHERED = 65_536
"""Number of entries that are held in memory each time that the source is listed."""

Listing = Callable[[], Iterable[Entry]]
"""Lists the source, always in the same order."""


class Plan(NamedTuple):
    """Holds which pictures are held out, and which shard each belongs to.

    Attributes:
      held_out_below: a picture without a split is held out if its key is below this.
      first_keys: for each part, the smallest key of each shard, ascending.
      pictures: for each part, the number of its pictures.
      source: SHA-256 over all names and splits, in the order of the listing.
    """

    held_out_below: int
    first_keys: dict[Part, list[int]]
    pictures: dict[Part, int]
    source: str

    def place(self, entry: Entry) -> tuple[Part, int]:
        """Returns the part and the number of the shard that a picture belongs to."""
        key = key_of(entry.name)
        part = entry.split or ("held_out" if key < self.held_out_below else "train")
        return part, max(0, bisect_right(self.first_keys[part], key) - 1)


def key_of(name: str) -> int:
    """Returns 64 bits of a name's SHA-256, by which shards and records are ordered."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")


def default_shards(pictures: int) -> int:
    """Returns a number of shards that serves 32 workers and fills none with more than FULL."""
    return max(min(32, -(-pictures // 256)), -(-pictures // FULL))


def make_plan(listing: Listing, *, shards: int | None, train_share: float) -> Plan:
    """Makes a plan. Lists the source once, and holds 8 bytes per picture meanwhile.

    Args:
      listing: lists the source.
      shards: the number of shards to train on; None = `default_shards`. Held-out shards have about
        the same size.
      train_share: the share to train on of the pictures without a split. The held-out ones are the
        same that `data.sources.folder` holds out for the same share.

    Raises:
      UserError: a part has no pictures, or there are more shards than pictures.
    """
    # The keys of all pictures, by their split.
    keys = {None: array("Q"), "train": array("Q"), "held_out": array("Q")}
    digest = hashlib.sha256()
    for entry in listing():
        keys[entry.split].append(key_of(entry.name))
        digest.update(_line(entry))

    # The two parts.
    undecided = np.sort(np.frombuffer(keys[None], np.uint64))
    count = max(1, round(len(undecided) * (1 - train_share))) if train_share < 1 else 0
    first = int(undecided[count]) if count < len(undecided) else 2**64
    parts: dict[Part, np.ndarray] = {
        "train": np.sort(np.concatenate([undecided[count:], keys["train"]]).astype(np.uint64)),
        "held_out": np.sort(
            np.concatenate([undecided[:count], keys["held_out"]]).astype(np.uint64)
        ),
    }
    train, held_out = len(parts["train"]), len(parts["held_out"])
    if not train or not held_out:
        raise UserError(
            f"{train + held_out} pictures leave {train} to train on and {held_out} held out: set "
            "--split so that both have some"
        )

    # Their shards.
    number = shards or default_shards(train)
    if number > train:
        raise UserError(f"--shards {number}: there are only {train} pictures to train on")
    counts: dict[Part, int] = {"train": number, "held_out": -(-held_out * number // train)}
    first_keys: dict[Part, list[int]] = {
        part: [int(parts[part][k * len(parts[part]) // n]) for k in range(n)]
        for part, n in counts.items()
    }
    pictures: dict[Part, int] = {"train": train, "held_out": held_out}
    return Plan(first if count else 0, first_keys, pictures, digest.hexdigest())


def gather_entries(
    listing: Listing, plan: Plan, part: Part, numbers: list[int], workers: int
) -> Iterator[tuple[int, list[Entry]]]:
    """Yields number and entries of some shards, the entries in the order of their keys.

    It lists the source again for every few shards, and holds GATHERED entries at a time, or those
    of two shards per worker: never the whole collection.

    Args:
      listing: lists the source.
      plan: the plan that was made of it.
      part: the part of the shards.
      numbers: the numbers of the shards.
      workers: the number of processes that write.

    Raises:
      UserError: the source has changed since the plan was made.
    """
    per_shard = max(1, plan.pictures[part] // len(plan.first_keys[part]))
    step = max(2 * workers, GATHERED // per_shard)
    for start in range(0, len(numbers), step):
        gathered: dict[int, list[Entry]] = {n: [] for n in numbers[start : start + step]}
        digest = hashlib.sha256()
        for entry in listing():
            digest.update(_line(entry))
            where, number = plan.place(entry)
            if where == part and number in gathered:
                gathered[number].append(entry)
        if digest.hexdigest() != plan.source:
            raise UserError("pictures were added, removed or renamed meanwhile: start again")
        while gathered:
            number = next(iter(gathered))
            yield number, sorted(gathered.pop(number), key=lambda entry: key_of(entry.name))


def _line(entry: Entry) -> bytes:
    return f"{entry.split}\t{entry.name}\n".encode()
