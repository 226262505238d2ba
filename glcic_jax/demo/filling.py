"""The web page's methods by name, and one completion from the bytes of files to a PNG."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool
from PIL import Image as PillowImage

from glcic_jax.complete.texturing import photo_fill
from glcic_jax.methods.procedural.fills import FILLS, in_bytes
from glcic_jax.methods.procedural.poisson import surroundings
from glcic_jax.pictures.decode import decode_bytes, read_header
from glcic_jax.pictures.mask_files import decode_mask_bytes
from glcic_jax.runtime.errors import UserError
from glcic_jax.types import PixelImage
from glcic_jax.weights.pretrained import is_bundled

FillPicture = Callable[[PixelImage, Bool[np.ndarray, "h w"], bool | str], PixelImage]
"""(image, hole, postprocess) -> completed, known pixels untouched."""

ALWAYS = ("telea", "navier_stokes", "laplace")
"""Fills that are always served: they are fast, and depend on pixels close to the hole only."""

UPLOAD_KINDS = {
    "JPEG": "JPEG",
    "MPO": "JPEG",
    "PNG": "PNG",
    "WEBP": "WebP",
    "BMP": "BMP",
    "TIFF": "TIFF",
}
"""Kinds of files that are taken, by Pillow's name for them. Phones' JPEGs are often MPO."""

SEEN_MARGIN = 16
"""Pixels around the holes that the fills of ALWAYS depend on, at most."""

LARGEST_SOLVED = 16_000_000
"""Pixels of a hole: blending one so large takes 24 seconds and 2 GB on two cores."""


class FillJob(NamedTuple):
    """Holds the content of a request.

    Attributes:
      image: bytes of a picture file.
      mask: bytes of another of the same size, white = fill.
      method: one of the names that `named_fills` returned.
      postprocess: whether and how to blend the result into its surroundings, as
        `Completer.__call__` takes it.
      texture: whether texture is copied into the hole, guided by the method.
      seed: another seed copies other texture.
    """

    image: bytes
    mask: bytes
    method: str
    postprocess: bool | str
    texture: bool = False
    seed: int = 0


class Served(NamedTuple):
    """Describes a method as the page lists it.

    Attributes:
      name: name of a network's folder, or of a fill.
      step: updates that a network has had; None = a fill, which learns nothing.
      blends: whether its results are blended into their surroundings by default, as in Completer.
      texture: whether texture is copied by default.
    """

    name: str
    step: int | None
    blends: bool | str
    texture: bool = False


def named_fills(specs: list[str]) -> dict[Served, FillPicture]:
    """Loads all methods to serve: networks in the order given, then the fills of ALWAYS.

    Args:
      specs: runs or weights as `glcic_jax.load` takes them; "NAME=" before one names it, otherwise
        it has the name of its folder.

    Raises:
      UserError: one cannot be loaded, or two have the same name.
    """
    fills: dict[Served, FillPicture] = {}
    for name, spec in named_specs(specs).items():
        from glcic_jax.complete.load import load

        completer = load(spec, texture=False)
        served = Served(name, completer.step, completer.blends, is_bundled(spec))
        fills[served] = completer
    return fills | {Served(name, None, False): _local(FILLS[name]) for name in ALWAYS}


def named_specs(specs: list[str]) -> dict[str, str]:
    """Returns the addresses of networks by their names.

    Raises:
      UserError: two have the same name.
    """
    names: dict[str, str] = {}
    for spec in specs:
        named = re.fullmatch(r"([^=:/]+)=(.+)", spec)
        name, path = named.groups() if named else (Path(spec).resolve().name, spec)
        if name in names or name in ALWAYS:
            raise UserError(f'two methods are called "{name}": write NAME={path} for one')
        names[name] = path
    return names


def _local(fill: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> FillPicture:
    """Shows a fill only the holes' surroundings, so that large pictures take no longer."""

    def run(
        image: PixelImage, hole: Bool[np.ndarray, "h w"], postprocess: bool | str
    ) -> PixelImage:
        around = surroundings(hole, SEEN_MARGIN)
        inside, result = hole[around], image.copy()
        (filled,) = in_bytes(fill, image[around][None], inside[None])
        result[around][inside] = filled[inside]
        return result  # nothing to blend in: it meets its surroundings by itself

    return run


def complete_upload(job: FillJob, fill: FillPicture, most_pixels: int) -> bytes:
    """Completes an uploaded picture.

    Args:
      job: the request; its bytes may come from anybody.
      fill: the method that the job names.
      most_pixels: larger pictures are refused before they are decoded.

    Returns:
      A PNG of the upright picture at its full size, with the colour profile that it had.

    Raises:
      UserError: the files cannot be read, are too large, or do not fit together.
    """
    # Check the headers before anything is decoded, then the pixels.
    profile = _check(job.image, "image", most_pixels)
    _check(job.mask, "mask", most_pixels)
    image = decode_bytes(job.image, "image")
    hole = decode_mask_bytes(job.mask, "mask") > 0
    if hole.shape != image.shape[:2]:
        sizes = ["x".join(map(str, array.shape[1::-1])) for array in (hole, image)]
        raise UserError(
            f"the mask is {sizes[0]} and the upright picture {sizes[1]} pixels: make them fit"
        )
    if not hole.any():
        raise UserError("the mask is empty: paint over what is to be filled")
    if hole.all():
        raise UserError("the mask covers the whole picture: leave something to complete it from")
    solved = job.postprocess or job.method == "laplace"
    if solved and (size := int(hole.sum())) > LARGEST_SOLVED:
        raise UserError(
            f"a hole of {size:,} pixels is too large to blend, the limit is {LARGEST_SOLVED:,}: "
            "switch post-processing off, or take another method"
        )
    copy_texture = None
    if job.texture:
        from glcic_jax.texture.fill import fill as fill_with_texture

        copy_texture = partial(fill_with_texture, seed=job.seed)
    complete = photo_fill(lambda image, hole: fill(image, hole, job.postprocess), copy_texture)
    return _png(complete(image, image, hole), profile)


def _check(data: bytes, name: str, most_pixels: int) -> bytes:
    """Refuses a file by its header, or returns its colour profile."""
    header = read_header(data, name)
    if header.kind not in UPLOAD_KINDS:
        known = ", ".join(dict.fromkeys(UPLOAD_KINDS.values()))
        raise UserError(f"{name}: a {header.kind} file: send {known}")
    if header.pixels > most_pixels:
        raise UserError(
            f"{name}: {header.pixels:,} pixels are too many, the limit is {most_pixels:,}"
        )
    return header.profile


def _png(image: PixelImage, profile: bytes) -> bytes:
    file = BytesIO()
    # Level 1: a tenth larger than the default's files, in a quarter of the time.
    PillowImage.fromarray(image).save(file, "PNG", compress_level=1, icc_profile=profile or None)
    return file.getvalue()
