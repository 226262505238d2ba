"""Prepares a collection: held-out shards, training shards without duplicates of them, an index.

Finished shards are kept: if it is killed and called again, it writes the missing ones. Needs no
JAX.
"""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from glcic_jax.data.record_files import require_array_record
from glcic_jax.data.shards import INDEX, VERSION, Part, Shard
from glcic_jax.prepare.duplicates import Fingerprint, HeldOut
from glcic_jax.prepare.plan import Plan
from glcic_jax.prepare.shard_writer import KEPT, ShardJob, Transform, finished
from glcic_jax.runtime.disk import clear_errors, write_whole
from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.run_folder import CONFIG, claim, lock

REPORT = "report.json"
SOFTWARE = ("opencv-python-headless", "pillow", "numpy", "array-record")
"""Packages that the bytes of a shard may depend on."""


class Writer(Protocol):
    """Writes shards: `workers.Workers` on this machine, `on_beam.Beam` on many."""

    def skip(self, pictures: int, bad: int) -> None:
        """Counts a shard that is finished already, for the progress."""

    def write(self, job: ShardJob, numbers: list[int]) -> None:
        """Writes the shards of these numbers."""


class Tally(NamedTuple):
    """Collects the shards of one part, and the pictures that are not in them.

    Attributes:
      shards: the shards, in their order.
      mean: sums over the pictures of their mean R, G and B, 0 to 255 each.
      left_out: as in `shards.ShardDescription`.
      passed_over: as in `shards.ShardDescription`.
      duplicates: as in `shards.ShardDescription`.
    """

    shards: list[Shard]
    mean: np.ndarray
    left_out: list[list[str]]
    passed_over: list[str]
    duplicates: list[list[str]]

    def records(self) -> int:
        """Returns the number of pictures in the shards."""
        return sum(shard.records for shard in self.shards)


def prepare(
    plan: Plan,
    writer: Writer,
    output: Path,
    *,
    settings: dict[str, Any],
    transform: Transform | None,
    max_bad: float,
) -> dict[Part, Tally]:
    """Writes every shard that is missing, the report and, last, the index.

    Args:
      plan: assigns the pictures to shards.
      writer: reads the pictures and writes the shards.
      output: the folder; made if it is missing.
      settings: size and min_edge (`shard_writer.ShardJob`), and all else that the shards depend on.
        Another call on the same folder must have the same settings.
      transform: as in `shard_writer.ShardJob`; other transforms need other settings.
      max_bad: the share of the pictures that may be unusable.

    Returns:
      What became of the pictures of each part.

    Raises:
      UserError: the folder holds something else, is in use or cannot be written; too many pictures
        are bad; the disk is full; or the package array-record is missing.
    """
    require_array_record()
    with lock(output, "--output", "preparing pictures"), clear_errors(output, lambda: KEPT):
        config = _claim(output, plan, settings)
        hash_ = hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()
        size, min_edge = settings["size"], settings["min_edge"]

        def job(part: Part, held_out: HeldOut | None) -> ShardJob:
            count = len(plan.first_keys[part])
            return ShardJob(output, hash_, part, count, size, min_edge, transform, held_out)

        held_out = HeldOut()
        tallies: dict[Part, Tally] = {
            "held_out": _write_part(writer, job("held_out", None), held_out),
            "train": _write_part(writer, job("train", held_out), None),
        }
        check_bad([line for t in tallies.values() for line in t.left_out], plan, max_bad)
        _write_index(output, config, tallies)
    return tallies


def check_bad(left_out: list[list[str]], plan: Plan, max_bad: float) -> None:
    """Refuses a collection with too many unusable pictures.

    Args:
      left_out: [name, reason] of each unusable picture.
      plan: knows the number of all pictures.
      max_bad: the share of the pictures that may be unusable.

    Raises:
      UserError: there are more.
    """
    total = sum(plan.pictures.values())
    if len(left_out) > max_bad * total:
        raise UserError(too_many(len(left_out), total, left_out[-1][1]))


def too_many(bad: int, total: int, reason: str) -> str:
    """Returns the message for more unusable pictures than --max_bad allows."""
    return (
        f"at least {bad} of {total} pictures cannot be used, one of them {reason}: remove them or "
        "raise --max_bad"
    )


def _claim(output: Path, plan: Plan, settings: dict[str, Any]) -> dict[str, Any]:
    """Claims the folder for this preparation; returns its config."""
    if not (output / CONFIG).exists():
        others = sorted(p.name for p in output.iterdir() if not p.name.startswith("."))
        if others:
            raise UserError(f"{output} holds other files ({others[0]}): choose another --output")
    config = {
        "settings": settings | {"shards": {p: len(k) for p, k in plan.first_keys.items()}},
        "source": {"sha256": plan.source, "pictures": sum(plan.pictures.values())},
        "software": {name: version(name) for name in SOFTWARE},
    }
    claim(output, config, may_differ=(), option="--output")
    return config


def _write_part(writer: Writer, job: ShardJob, known: HeldOut | None) -> Tally:
    """Writes the missing shards of a part; adds the fingerprints of its pictures to `known`."""
    missing = []
    for number in range(job.shards):
        if done := finished(job, number):
            bad = len(done.left_out)
            seen = len(done.names) + len(done.passed_over) + len(done.duplicates) + bad
            writer.skip(seen, bad)
        else:
            missing.append(number)
    writer.write(job, missing)

    # Collect what all shards hold, old and new ones.
    tally = Tally([], np.zeros(3), [], [], [])
    for number in range(job.shards):
        done = finished(job, number)
        if done is None:
            raise UserError(f"{job.output}: shard {number} of {job.part} is gone: start again")
        tally.shards.append(done.shard)
        tally.mean[:] += done.mean
        tally.left_out.extend(done.left_out)
        tally.passed_over.extend(done.passed_over)
        tally.duplicates.extend(done.duplicates)
        if known:
            for name, (file, thumbnail) in zip(done.names, done.prints, strict=True):
                known.add(name, Fingerprint.from_hex(file, thumbnail))
    if not tally.records():
        raise UserError(
            f"{job.output}: nothing is left of {job.part}: {len(tally.left_out)} pictures cannot "
            f"be used, {len(tally.passed_over)} have no face, {len(tally.duplicates)} are held out"
        )
    return tally


def _write_index(output: Path, config: dict[str, Any], tallies: dict[Part, Tally]) -> None:
    train = tallies["train"]
    bad = [line for tally in tallies.values() for line in tally.left_out]
    passed_over = sorted(name for tally in tallies.values() for name in tally.passed_over)
    report = {
        "left_out": [{"name": name, "reason": reason} for name, reason in sorted(bad)],
        "passed_over": passed_over,
        "duplicates": [
            {"name": name, "of": of, "kind": kind} for name, of, kind in sorted(train.duplicates)
        ],
    }
    index = {
        "version": VERSION,
        "pictures": {part: tally.records() for part, tally in tallies.items()},
        "bytes": {part: sum(s.bytes for s in tally.shards) for part, tally in tallies.items()},
        "left_out": len(bad),
        "passed_over": len(passed_over),
        "duplicates": len(train.duplicates),
        "mean_pixel": [float(value) for value in train.mean / train.records() / 255],
        **config,
        "shards": {
            part: [shard._asdict() for shard in tally.shards] for part, tally in tallies.items()
        },
    }
    lines = json.dumps(report, indent=1, ensure_ascii=False)
    write_whole(output / REPORT, lines + "\n")
    write_whole(output / INDEX, json.dumps(index, indent=1) + "\n")
