"""Writes one shard: pictures in, a file of records and its description out. Needs no JAX."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from glcic_jax.data.record_files import count_records, open_writer
from glcic_jax.data.shards import (
    Part,
    Shard,
    ShardDescription,
    read_shard_description,
    shard_name,
)
from glcic_jax.pictures.decode import decode_bytes, encode, read_header
from glcic_jax.pictures.resize import resize_shortest
from glcic_jax.prepare.duplicates import HeldOut, fingerprint
from glcic_jax.prepare.entries import Entry
from glcic_jax.runtime.digests import file_digest
from glcic_jax.runtime.disk import clear_errors, write_whole
from glcic_jax.runtime.errors import UserError, one_line

if TYPE_CHECKING:
    from glcic_jax.types import PixelImage

OPTIONS = "group_size:1,uncompressed"
"""Options of ArrayRecord: one record per chunk, for random access; no compression of JPEG, PNG."""

TEMPORARY = ".shard.tmp"

KEPT = "finished shards are kept"

Transform = Callable[["PixelImage"], "PixelImage | None"]
"""Changes a picture before it is scaled; returns None to leave the picture out."""

Note = Callable[[str | None], None]
"""Called for every picture that is done, with None or the reason why it cannot be used."""


class ShardJob(NamedTuple):
    """Holds what all shards of a part have in common.

    Attributes:
      output: the folder.
      config: the hash of its config.json.
      part: the part of the collection.
      shards: the number of the part's shards.
      size: larger pictures are scaled down to this shortest edge, pixels.
      min_edge: pictures with a shorter edge are left out, pixels.
      transform: changes a picture before it is scaled; None changes nothing.
      held_out: pictures that are left out of the training shards; None for held-out shards.
    """

    output: Path
    config: str
    part: Part
    shards: int
    size: int
    min_edge: int
    transform: Transform | None
    held_out: HeldOut | None


def write_shard(job: ShardJob, number: int, entries: Iterable[Entry], note: Note) -> None:
    """Writes shard `number`: first the records, then the description, each whole or not at all.

    The same entries give the same bytes.

    Args:
      job: the settings of the part.
      number: the number of the shard.
      entries: the pictures.
      note: is called for every picture that is done.

    Raises:
      UserError: the disk is full or cannot be written, or `note` raises it.
    """
    name = shard_name(job.part, number, job.shards)
    temporary = job.output / f".{os.getpid()}{TEMPORARY}"
    target = job.output / f"{name}.array_record"
    try:
        with clear_errors(job.output, lambda: KEPT):
            description = _write_records(job, temporary, entries, note)
            written = count_records(temporary)
            if written != len(description.names):
                count = f"{written} of {len(description.names)} records"
                raise UserError(f"{target}: only {count} could be written: is the disk full?")
            shard = Shard(target.name, written, temporary.stat().st_size, file_digest(temporary))
            temporary.replace(target)
            described = json.dumps(description._asdict() | {"shard": shard._asdict()})
            write_whole(job.output / f"{name}.json", described)
    except (OSError, RuntimeError) as error:  # ArrayRecord's errors are RuntimeErrors
        raise UserError(f"{target}: cannot write: {one_line(error)}") from error
    finally:
        temporary.unlink(missing_ok=True)


def _write_records(
    job: ShardJob, path: Path, entries: Iterable[Entry], note: Note
) -> ShardDescription:
    names, left_out, passed_over, duplicates, prints = [], [], [], [], []
    total = np.zeros(3)
    writer = open_writer(path, OPTIONS)
    try:
        if not writer.ok():
            raise OSError("the folder cannot be written")
        for entry in entries:
            try:
                data = entry.read()
                form = stored_form(data, entry.name, job.size, job.min_edge, job.transform)
            except UserError as error:
                left_out.append([entry.name, str(error)])
                note(str(error))
                continue
            note(None)
            if form is None:
                passed_over.append(entry.name)
                continue
            stored, image = form
            known = fingerprint(data, image)
            if job.held_out and (twin := job.held_out.twin(known)):
                duplicates.append([entry.name, *twin])
            else:
                writer.write(stored)
                names.append(entry.name)
                total += cv2.mean(image)[:3]
                if job.part == "held_out":
                    prints.append(known.to_hex())
    finally:
        if writer.is_open():
            writer.close()
    shard = Shard("", 0, 0, "")  # known once the file is closed
    return ShardDescription(
        job.config, shard, names, list(total), left_out, passed_over, duplicates, prints
    )


def stored_form(
    data: bytes, name: str, size: int, min_edge: int, transform: Transform | None = None
) -> tuple[bytes, PixelImage] | None:
    """Returns the record of a picture file, and its pixels before they are compressed.

    A JPEG stays a JPEG, with quality 95 if it changes; everything else becomes or stays PNG.
    Upright grey or RGB files of either kind that need no scaling are kept byte for byte.

    Args:
      data: the bytes of the file.
      name: the picture's name, for messages.
      size: a larger picture is scaled down to this shortest edge, pixels.
      min_edge: the smallest shortest edge that is accepted, pixels.
      transform: changes the picture before it is scaled.

    Returns:
      The bytes, and uint8 RGB [h, w, 3]; None if `transform` returns None.

    Raises:
      UserError: the file is not a picture, damaged, or too small.
    """
    header = read_header(data, name)
    original = decode_bytes(data, name)
    image = original if transform is None else transform(original)
    if image is None:
        return None
    edge = min(image.shape[:2])
    if edge < min_edge:
        raise UserError(f"{name}: {image.shape[1]}x{image.shape[0]} pixels, below --min_edge")
    if edge > size:
        image = resize_shortest(image, size)
    if image is original and header.plain and header.kind in ("JPEG", "PNG"):
        return data, image
    return encode(image, ".jpg" if header.kind == "JPEG" else ".png"), image


def finished(job: ShardJob, number: int) -> ShardDescription | None:
    """Returns the description of a shard; None unless the shard is there as it describes it."""
    name = shard_name(job.part, number, job.shards)
    description = read_shard_description(job.output, name)
    path = job.output / f"{name}.array_record"
    if description is None or description.config != job.config or not path.is_file():
        return None
    whole = path.stat().st_size == description.shard.bytes
    return description if whole and count_records(path) == description.shard.records else None
