"""Writes photographs as picture files, with all that these can hold. Needs no JAX."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import ExifTags
from PIL import Image as PillowImage
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from glcic_jax.pictures.photo import Photo
from glcic_jax.pictures.photo_reader import DESCRIBING
from glcic_jax.pictures.pixels import png_chunks, to_rgb8
from glcic_jax.runtime.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

FILE_KINDS = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".jpe": "JPEG",
    ".jfif": "JPEG",
    ".png": "PNG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".bmp": "BMP",
}
"""The kind of file, as Pillow names it, that an extension stands for."""

_QUALITY = 95
"""Quality of JPEGs, and of WebPs made from lossy files, where no tables of a JPEG are kept."""

_ZLIB = 3
"""Level of compression: half the time of zlib's default, for files a few per cent larger."""


def encode_photo(photo: Photo, extension: str, name: str | Path) -> tuple[bytes, list[str]]:
    """Returns the file of a photograph, encoded as it was before if the kind of file is the same.

    PNG, TIFF, BMP, and WebP of photographs that were not lossy, keep every pixel bit for bit.

    Args:
      photo: a photograph.
      extension: one of FILE_KINDS.
      name: the file's name, for messages.

    Returns:
      The file, and a line for each thing of the photograph that this kind of file cannot hold.

    Raises:
      UserError: this kind of file cannot hold the photograph, which may be too large for it.
    """
    kind = FILE_KINDS[extension]
    photo, lost = _fit(photo, kind)
    try:
        if kind == "TIFF":
            return _tiff(photo), lost
        if photo.deep:
            return _deep_png(photo), lost
        return _by_pillow(photo.pixels, photo, kind), lost
    except (OSError, ValueError, struct.error) as error:
        raise UserError(f"{name}: cannot be written as {kind}: {error}") from error


def _fit(photo: Photo, kind: str) -> tuple[Photo, list[str]]:
    """Removes from a photograph what this kind of file cannot hold, with a line for each thing."""
    lost = []
    if photo.alpha is not None and kind in ("JPEG", "BMP"):
        lost.append(f"{kind} has no transparency: laid on white")
        photo = photo._replace(pixels=to_rgb8(photo.pixels)[..., : photo.colours])
    if photo.deep and kind not in ("PNG", "TIFF"):
        lost.append(f"{kind} keeps 8 of 16 bits")
        photo = photo._replace(pixels=np.rint(photo.pixels / np.float32(257)).astype(np.uint8))
    if kind == "BMP" and (photo.profile or photo.exif):
        lost.append("BMP keeps no colour profile and no EXIF")
    if kind == "JPEG" and len(photo.exif) > 65533:
        lost.append("its EXIF is too long for JPEG and left out")
        photo = photo._replace(exif=b"")
    return photo, lost


def _by_pillow(pixels: np.ndarray, photo: Photo, kind: str) -> bytes:
    """Returns a file of 8-bit pixels, with all else that `photo` holds."""
    options: dict[str, Any] = {}
    if kind == "PNG":
        options = {"compress_level": _ZLIB}
    elif kind == "WEBP" and not photo.lossy:
        options = {"lossless": True, "exact": True}
    elif kind in ("JPEG", "WEBP"):
        options = {"quality": _QUALITY}
    if photo.kind == kind:
        options |= photo.encoding
    if options.get("qtables"):
        del options["quality"]
    if kind != "BMP":
        options |= {"icc_profile": photo.profile, "exif": photo.exif}
    if photo.dpi is not None:
        options["dpi"] = photo.dpi
    file = BytesIO()
    flat = pixels[..., 0] if pixels.shape[2] == 1 else pixels
    PillowImage.fromarray(flat).save(file, kind, **options)
    return file.getvalue()


def _deep_png(photo: Photo) -> bytes:
    """Returns a 16-bit PNG (PNG specification 1.2). Pillow itself writes only grey ones.

    Pillow writes a PNG of a single pixel, from which the chunks of profile, EXIF and resolution are
    taken.
    """
    # Filter the rows.
    height, width, channels = photo.pixels.shape
    colour_type = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    rows = photo.pixels.astype(">u2").view(np.uint8).reshape(height, -1)
    rows[1:] -= rows[:-1].copy()  # filter 2, Up
    filtered = np.insert(rows, 0, 2, axis=1).tobytes()

    # Put the chunks together.
    small = _by_pillow(np.zeros((1, 1, 3), np.uint8), photo, "PNG")
    own = (b"IHDR", b"IDAT", b"IEND")
    described = [(name, content) for name, content, _ in png_chunks(small) if name not in own]
    header = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    packed = zlib.compress(filtered, _ZLIB)
    chunks = [(b"IHDR", header), *described, (b"IDAT", packed), (b"IEND", b"")]
    return small[:8] + b"".join(
        struct.pack(">I", len(content))
        + name
        + content
        + struct.pack(">I", zlib.crc32(name + content))
        for name, content in chunks
    )


def _tiff(photo: Photo) -> bytes:
    """Returns a deflated TIFF (revision 6.0) of any depth and channels.

    Pillow itself writes only 8-bit ones. Its directory writer lays out the tags here, and the
    pixels follow them.
    """
    # Compress the pixels.
    height, width, channels = photo.pixels.shape
    differences = photo.pixels.copy()
    differences[:, 1:] -= photo.pixels[:, :-1]  # predictor 2
    packed = zlib.compress(differences.astype(differences.dtype.newbyteorder("<")).tobytes(), _ZLIB)

    # Describe the photograph.
    directory = ImageFileDirectory_v2()
    if photo.dpi is not None:
        directory[282], directory[283] = photo.dpi
        directory[296] = 2  # inches
    exif = PillowImage.Exif()
    exif.load(photo.exif)
    for tag in DESCRIBING & set(exif):
        nested = tag in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)
        directory[tag] = dict(exif.get_ifd(tag)) if nested else exif[tag]

    # Describe how its pixels lie in the file.
    layout = {
        256: width,
        257: height,
        258: (photo.pixels.dtype.itemsize * 8,) * channels,
        259: 8,  # deflate
        262: 1 if photo.colours == 1 else 2,  # black is 0; RGB
        273: 0,  # the pixels begin where the directory ends
        277: channels,
        278: height,
        279: len(packed),
        317: 2,  # predictor: differences along rows
    }
    if photo.alpha is not None:
        layout[338] = 2  # the extra channel is alpha, colours not multiplied by it
    for tag, value in layout.items():
        directory[tag] = value
    if photo.profile:
        directory.tagtype[34675] = 7  # bytes
        directory[34675] = photo.profile
    file = BytesIO()
    directory.save(file)
    return file.getvalue() + packed
