"""Completes an uploaded photograph, saves one, and selects a thing in one."""

from __future__ import annotations

from functools import partial

import numpy as np
from jaxtyping import Bool

from glcic_jax.complete.texturing import CopyTexture, photo_fill
from glcic_jax.demo.jobs import Answer, FillJob, SaveJob, SelectJob, completed_name, extension_for
from glcic_jax.demo.served import FillPicture
from glcic_jax.masks.by_hand import grown
from glcic_jax.masks.select import select
from glcic_jax.pictures.decode import decode_bytes, read_header
from glcic_jax.pictures.mask_files import decode_mask_bytes
from glcic_jax.pictures.photo import Photo, fill_holes
from glcic_jax.pictures.photo_reader import read_photo
from glcic_jax.pictures.photo_writer import FILE_KINDS, encode_photo
from glcic_jax.pictures.pixels import to_rgb8
from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.stages import stage

UPLOAD_KINDS = {
    "JPEG": "JPEG",
    "MPO": "JPEG",
    "PNG": "PNG",
    "WEBP": "WebP",
    "BMP": "BMP",
    "TIFF": "TIFF",
}
"""Kinds of files that are taken, by Pillow's name for them. Phones' JPEGs are often MPO."""

LARGEST_SOLVED = 16_000_000
"""Pixels of a hole: blending one so large takes 24 seconds and 2 GB on two cores."""


def complete_upload(job: FillJob, fill: FillPicture, most_pixels: int) -> Answer:
    """Completes an uploaded picture.

    Args:
      job: the request; its bytes may come from anybody.
      fill: the method that the job names.
      most_pixels: larger pictures are refused before they are decoded.

    Returns:
      The file of the upright picture at its full size, with all that the photograph's file had and
      this kind of file can hold.

    Raises:
      UserError: the files cannot be read, are too large, or do not fit together.
    """
    # Check the headers before anything is decoded, then the pixels.
    stage("reading")
    for name in ("image", "mask", "avoid") if job.avoid else ("image", "mask"):
        _check(getattr(job, name), name, most_pixels)
    photo, remarks = read_photo(job.image, "image")
    hole = _hole(job, photo)
    if photo.alpha is not None and (share := np.mean(photo.alpha[hole] == 0)):
        remarks.append(f"{100 * share:.0f} % of the hole are transparent, and stay so")
    copy_texture = _texture(job, photo)
    # Complete.
    stage("filling")
    complete = photo_fill(lambda image, hole: fill(image, hole, job.postprocess), copy_texture)
    own = np.ascontiguousarray(photo.pixels[..., : photo.colours])
    completed = complete(own, to_rgb8(photo.pixels), hole)
    return _answer(fill_holes(photo, completed, hole), job, remarks)


def _hole(job: FillJob, photo: Photo) -> Bool[np.ndarray, "h w"]:
    """Returns what is to be filled, or refuses it."""
    hole = _mask(job.mask, "mask", photo)
    if not hole.any():
        raise UserError("the mask is empty: paint over what is to be filled")
    hole = grown(hole.astype(np.uint8), job.grow) != 0
    if hole.all():
        raise UserError("the mask covers the whole picture: leave something to complete it from")
    solved = job.postprocess or job.method == "laplace"
    if solved and (size := int(hole.sum())) > LARGEST_SOLVED:
        raise UserError(
            f"a hole of {size:,} pixels is too large to blend, the limit is {LARGEST_SOLVED:,}: "
            "switch post-processing off, or take another method"
        )
    return hole


def _texture(job: FillJob, photo: Photo) -> CopyTexture | None:
    """Returns what copies texture as the job asks; None = nothing does."""
    avoid = _mask(job.avoid, "avoid", photo) if job.avoid else None
    if not job.texture:
        return None
    from glcic_jax.texture.fill import fill

    return partial(fill, avoid=avoid, seed=job.seed)


def _mask(data: bytes, name: str, photo: Photo) -> Bool[np.ndarray, "h w"]:
    """Reads a mask and checks its size."""
    mask = decode_mask_bytes(data, name) > 0
    what = "the mask" if name == "mask" else f"the mask {name}"
    _fit(mask.shape, photo, what)
    return mask


def _fit(shape: tuple[int, ...], photo: Photo, what: str) -> None:
    if shape[:2] != photo.pixels.shape[:2]:
        sizes = ["x".join(map(str, one[1::-1])) for one in (shape, photo.pixels.shape[:2])]
        raise UserError(
            f"{what} is {sizes[0]} and the upright picture {sizes[1]} pixels: make them fit"
        )


def save_upload(job: SaveJob, most_pixels: int) -> Answer:
    """Writes a photograph's file with the pixels of a completed picture.

    Pixels that the completed picture left alone keep the depth and alpha of the photograph's.

    Args:
      job: the request; its bytes may come from anybody.
      most_pixels: larger pictures are refused before they are decoded.

    Raises:
      UserError: as in `complete_upload`.
    """
    stage("reading")
    for name in ("image", "result"):
        _check(getattr(job, name), name, most_pixels)
    photo, remarks = read_photo(job.image, "image")
    result, _ = read_photo(job.result, "result")
    _fit(result.pixels.shape, photo, "the result")
    before, after = to_rgb8(photo.pixels), to_rgb8(result.pixels)
    alike = (photo.colours, photo.deep) == (result.colours, result.deep)
    completed = result.pixels[..., : result.colours] if alike else after
    known = photo.pixels[..., : photo.colours] if alike else before
    changed = (completed != known).any(axis=2)
    return _answer(fill_holes(photo, completed, changed), job, remarks)


def select_upload(job: SelectJob, most_pixels: int) -> Answer:
    """Selects a thing in an uploaded picture.

    Args:
      job: the request; its bytes may come from anybody.
      most_pixels: larger pictures are refused before they are decoded.

    Returns:
      A grey PNG of the upright picture's size: 255 = selected.

    Raises:
      UserError: the file cannot be read or is too large, or a mark is outside the picture.
    """
    stage("reading")
    _check(job.image, "image", most_pixels)
    image = decode_bytes(job.image, "image")
    stage("selecting")
    mask = select(image, job.marks)
    grey = Photo(mask[..., None].astype(np.uint8) * 255, "PNG")
    return Answer(encode_photo(grey, ".png", "the mask")[0])


def _answer(photo: Photo, job: FillJob | SaveJob, remarks: list[str]) -> Answer:
    """Returns a photograph as the file that was asked for."""
    stage("writing")
    extension = extension_for(job.kind, photo.kind)
    data, lost = encode_photo(photo, extension, "the result")
    media = f"image/{FILE_KINDS[extension].lower()}"
    return Answer(data, media, completed_name(job.name, extension), (*remarks, *lost))


def _check(data: bytes, name: str, most_pixels: int) -> None:
    """Refuses a file by its header."""
    header = read_header(data, name)
    if header.kind not in UPLOAD_KINDS:
        known = ", ".join(dict.fromkeys(UPLOAD_KINDS.values()))
        raise UserError(f"{name}: a {header.kind} file: send {known}")
    if header.pixels > most_pixels:
        raise UserError(
            f"{name}: {header.pixels:,} pixels are too many, the limit is {most_pixels:,}"
        )
