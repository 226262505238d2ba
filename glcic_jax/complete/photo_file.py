"""Takes one picture from its file, or standard input, to its completed file. Needs no JAX."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np

from glcic_jax.complete.hole_flags import HoleReader
from glcic_jax.complete.pairing import STREAM, CompletionJob
from glcic_jax.complete.previews import preview
from glcic_jax.complete.remarks import print_remarks
from glcic_jax.complete.texturing import FillPhoto
from glcic_jax.pictures.photo import fill_holes
from glcic_jax.pictures.photo_reader import read_photo
from glcic_jax.pictures.photo_writer import FILE_KINDS, encode_photo
from glcic_jax.pictures.pixels import to_rgb8
from glcic_jax.runtime.disk import read_file, write_file
from glcic_jax.runtime.errors import UserError


def complete_job(
    job: CompletionJob,
    read_hole: HoleReader,
    fill: FillPhoto | None,
    extension: str | None,
    stream: BinaryIO,
) -> None:
    """Completes one picture and writes it; without `fill` only prints what would be done.

    Args:
      job: the picture, its mask, the output and its preview.
      read_hole: reads the mask and finds the holes, as `hole_reader` returns it.
      fill: fills the picture, as `photo_fill` returns it; or None.
      extension: extension of the kind of file that `stream` gets; by default the picture's own.
      stream: is written to if job.output is STREAM.

    Raises:
      UserError: something cannot be read, completed or written.
    """
    # Read.
    data = _read_stream() if job.image == STREAM else read_file(job.image)
    name = "standard input" if job.image == STREAM else job.image
    photo, remarks = read_photo(data, name)
    image, find_hole = to_rgb8(photo.pixels), read_hole(job.mask)
    sources = name if job.mask is None else f"{name}, {job.mask}"
    # Check and complete.
    try:
        hole = find_hole(image)
        if not hole.any():
            remarks.append(f"the mask is empty ({job.mask}): the picture stays as it is")
        elif photo.alpha is not None and (share := np.mean(photo.alpha[hole] == 0)):
            remarks.append(f"{100 * share:.0f} % of the hole are transparent, and stay so")
        print_remarks(remarks, name)
        if fill is None:
            height, width = hole.shape
            where = "standard output" if job.output == STREAM else job.output
            print(f"{name}: {width}x{height}, {100 * hole.mean():.2f} % to fill -> {where}")
            return
        own = np.ascontiguousarray(photo.pixels[..., : photo.colours])
        completed = fill(own, image, hole)
    except UserError as error:
        raise UserError(f"{sources}: {error}") from error
    # Write.
    if job.output == STREAM:
        own = next((known for known, kind in FILE_KINDS.items() if kind == photo.kind), ".png")
        extension = extension or own
    else:
        extension = job.output.suffix.lower()
    filled = fill_holes(photo, completed, hole)
    encoded, lost = encode_photo(filled, extension, job.output)
    print_remarks(lost, job.output)
    if job.output == STREAM:
        _write_stream(stream, encoded)
    else:
        write_file(job.output, encoded)
    if job.preview is not None:
        write_file(job.preview, preview(photo, filled, hole))


def _read_stream() -> bytes:
    if sys.stdin is None:
        raise UserError("standard input is closed: send it a picture, or name a file")
    return sys.stdin.buffer.read()


def _write_stream(stream: BinaryIO, data: bytes) -> None:
    try:
        stream.write(data)
        stream.flush()
    except OSError as error:
        raise UserError(f"standard output: cannot write: {error.strerror or error}") from error


@contextmanager
def output_stream(output: Path) -> Iterator[BinaryIO]:
    """Opens standard output for bytes if `output` is STREAM; all text then goes to standard error.

    Raises:
      UserError: the bytes would go to a terminal, or standard output is closed.
    """
    if output != STREAM:
        yield BytesIO()  # nothing is written to it
        return
    if sys.stdout is None:
        raise UserError("standard output is closed: send it to a file or a program")
    if sys.stdout.isatty():
        raise UserError("standard output is a terminal: send it to a file or a program")
    stream = sys.stdout.buffer
    with redirect_stdout(sys.stderr):
        yield stream
