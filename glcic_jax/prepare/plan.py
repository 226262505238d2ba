"""Which picture goes into which shard: by a hash of its name, so that each is a random sample.

Needs no JAX. The plan is small whatever the collection: every process can place a picture alone.
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
"""Pictures per shard of large collections, some 700 MB: a thousand files are open at most."""

GATHERED = 65_536
"""Entries held at least, before the source is listed again for the next ones."""

Listing = Callable[[], Iterable[Entry]]


class Plan(NamedTuple):
    """Where pictures go.

    held_out_below: pictures whose split is open are held out if their key is below it.
    first_keys: of each part, the smallest key of each shard, ascending.
    pictures: of each part.
    source: SHA-256 over all names and splits, in the order of the listing.
    """

    held_out_below: int
    first_keys: dict[Part, list[int]]
    pictures: dict[Part, int]
    source: str

    def place(self, entry: Entry) -> tuple[Part, int]:
        """Part and number of the shard of a picture."""
        key = key_of(entry.name)
        part = entry.split or ("held_out" if key < self.held_out_below else "train")
        return part, max(0, bisect_right(self.first_keys[part], key) - 1)


def key_of(name: str) -> int:
    """64 bits of a name's SHA-256: the order of shards and records."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")


def default_shards(pictures: int) -> int:
    """Enough for 32 workers, and of at most FULL pictures each."""
    return max(min(32, -(-pictures // 256)), -(-pictures // FULL))


def make_plan(listing: Listing, *, shards: int | None, train_share: float) -> Plan:
    """Lists the source once; holds 8 bytes per picture meanwhile.

    Args:
      listing: lists the source.
      shards: to train on; None = `default_shards`. Held-out shards are of about the same size.
      train_share: of the pictures whose split the source leaves open. Those held out are the ones
        that `data.sources.folder` holds out for the same share.

    Raises:
      UserError: no pictures, one part without any, or more shards than pictures.
    """
    keys = {None: array("Q"), "train": array("Q"), "held_out": array("Q")}
    digest = hashlib.sha256()
    for entry in listing():
        keys[entry.split].append(key_of(entry.name))
        digest.update(_line(entry))
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
    """The entries of some shards, in their order; lists the source anew for every few shards.

    What is held is GATHERED entries, or two shards per worker: not the collection.

    Raises:
      UserError: the source no longer is what the plan was made of.
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
