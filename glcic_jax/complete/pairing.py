"""Pairs each picture with its mask and with the file of its completion. Needs no JAX."""

import glob
import os
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from glcic_jax.masks.pairing import own_masks
from glcic_jax.pictures.decode import EXTENSIONS, WRITTEN
from glcic_jax.pictures.left_out import LeftOut, is_picture
from glcic_jax.pictures.patterns import pictures_like
from glcic_jax.pictures.storage import children
from glcic_jax.runtime.errors import UserError

STREAM = Path("-")
"""Standard input, in place of a picture; standard output, in place of an output."""


class CompletionJob(NamedTuple):
    """Names the files of one picture to complete.

    Attributes:
      image: the picture, or STREAM.
      mask: its mask; None = there is none.
      output: where the result goes, or STREAM.
      preview: where both are shown side by side; None = nowhere.
    """

    image: Path
    mask: Path | None
    output: Path
    preview: Path | None = None


def plan(
    image: Path, mask: Path | None, output: Path, extension: str | None = None
) -> tuple[list[CompletionJob], list[str]]:
    """Pairs pictures, masks and outputs.

    Args:
      image: a picture, a folder of them, a pattern such as shots/*.jpg, or STREAM.
      mask: a mask for all, or a folder of masks with the pictures' names; None = none is needed.
      output: a file for one picture or STREAM, or a folder.
      extension: extension of the files in an output folder, with its dot; by default each picture's
        own.

    Returns:
      The jobs, and a line for each picture that has no mask.

    Raises:
      UserError: something is missing, one picture meets several masks, a picture would be its own
        mask, or an output would replace what it is made from or another output.
    """
    images = find_pictures(image)
    if mask is not None and not mask.exists():
        raise UserError(f"{mask}: no such file or folder")
    # One picture.
    if images is None:
        if mask is not None and mask.is_dir():
            raise UserError(f"{mask} is a folder and {image} one picture: give one mask")
        if output.is_dir() and image == STREAM:
            raise UserError(f"{output} is a folder: name a file for the picture of standard input")
        target = output / _named(image, extension) if output.is_dir() else output
        return _check([CompletionJob(image, mask, target)]), []
    # Several pictures.
    if output == STREAM:
        raise UserError(
            f"{image} may be several pictures, standard output takes one: give a folder"
        )
    if output.exists() and not output.is_dir():
        raise UserError(f"{output} is a file: give a folder for the pictures of {image}")
    if mask is not None and mask.is_dir():
        pairs = own_masks((p.name for p in images), _masks_in(mask))
        masks = {path: mask / pairs.found[path.name] for path in images if path.name in pairs.found}
        lines = {path: pairs.problems.get(path.name) for path in images}
        failures = [f"{path}: {mask} {line}" for path, line in lines.items() if line]
    else:
        masks, failures = dict.fromkeys(images, mask), []
    jobs = [
        CompletionJob(path, own, output / _named(path, extension)) for path, own in masks.items()
    ]
    return _check(jobs), failures


def find_pictures(image: Path) -> list[Path] | None:
    """Lists the pictures of a folder or of a pattern, in order; None for one picture or STREAM.

    Raises:
      UserError: nothing there, or no pictures in it.
    """
    if is_one(image):
        return None
    left_out = LeftOut()
    if image.is_dir():
        found, nothing = _pictures_in(image, left_out), "no pictures in this folder"
    elif glob.has_magic(str(image)):
        found, nothing = pictures_like(str(image), left_out), "no picture has such a name"
    else:
        raise UserError(f"{image}: no such file or folder")
    if not found:
        known = ", ".join(sorted(EXTENSIONS))
        raise UserError(f"{image}: {nothing} ({known}){left_out.clause()}")
    left_out.report(str(image))
    return found


def is_one(image: Path) -> bool:
    """Returns whether `image` is one picture: STREAM, a file, or a pipe such as <(command)."""
    return image == STREAM or image.is_file() or image.is_fifo()


def check_writable(output: Path, *, folder: bool) -> None:
    """Refuses an output that cannot be written, before anything is computed.

    Raises:
      UserError: the folder cannot be made or written, or the file's kind is unknown.
    """
    if output == STREAM:
        return
    if not folder and output.suffix.lower() not in WRITTEN:
        folders = "" if output.suffix else "; a folder for one picture must be there already"
        known = ", ".join(sorted(WRITTEN))
        raise UserError(f"{output}: unknown kind of file; write {known}{folders}")
    target = output if folder else output.parent
    existing = next(p for p in (target, *target.absolute().parents) if p.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        raise UserError(f"{existing}: cannot write there; choose another --output")


def _pictures_in(folder: Path, left_out: LeftOut) -> list[Path]:
    """Lists the pictures directly in a folder; names that begin with a dot are passed over."""
    folders, names = children(str(folder), "", left_out)
    left_out.folders = len(folders)
    return sorted(folder / name for name in names if is_picture(name, left_out))


def _masks_in(folder: Path) -> list[str]:
    """Lists the names of the masks directly in a folder, likewise."""
    left_out = LeftOut()
    found = _pictures_in(folder, left_out)
    left_out.report(str(folder))
    return [path.name for path in found]


def _named(image: Path, extension: str | None) -> str:
    """Returns the name of a picture's completion in a folder: the picture's own."""
    own = image.suffix if image.suffix.lower() in WRITTEN else ".png"
    return image.stem + (extension or own)


def _check(jobs: list[CompletionJob]) -> list[CompletionJob]:
    """Returns the jobs, if each output is new or replaces an older completion."""
    for path, count in Counter(job.output for job in jobs).items():
        if count > 1:
            raise UserError(f"{path} would be the completion of {count} pictures: rename them")
    for image, mask, output, _ in jobs:
        if mask is not None and image != STREAM and _same(image, mask):
            raise UserError(f"{image} would be its own mask: keep masks in a folder of their own")
        for source in filter(None, (image, mask)):
            if STREAM not in (source, output) and _same(source, output):
                raise UserError(f"{output} would replace {source} itself: choose another --output")
    return jobs


def with_previews(jobs: list[CompletionJob]) -> list[CompletionJob]:
    """Returns the jobs with previews beside their outputs: out.jpg has out_preview.png.

    Raises:
      UserError: an output is STREAM, or a preview would replace another file of these jobs.
    """
    if any(job.output == STREAM for job in jobs):
        raise UserError("--preview is written beside the output: give a file or a folder")
    jobs = [
        job._replace(preview=job.output.with_name(f"{job.output.stem}_preview.png")) for job in jobs
    ]
    written = Counter(path for job in jobs for path in (job.output, job.preview))
    for image, mask, output, path in jobs:
        if path is None or written[path] > 1:
            raise UserError(f"{path}, the preview of {output}, would be written twice: rename one")
        if any(source != STREAM and _same(source, path) for source in filter(None, (image, mask))):
            raise UserError(f"{path}, the preview of {output}, would replace a file that is read")
    return jobs


def _same(source: Path, output: Path) -> bool:
    return source.exists() and output.exists() and output.samefile(source)
