"""Writes photographs as picture files that keep what these can hold. Needs no JAX."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import ExifTags
from PIL import Image as PillowImage
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from glcic_jax.pictures.photo import Photo, shown
from glcic_jax.pictures.photo_reader import DESCRIBING, png_chunks
from glcic_jax.runtime.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

KINDS = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".png": "PNG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".bmp": "BMP",
}
"""Pillow's name for the files of an extension."""

_QUALITY = 95
"""Of JPEGs, and of WebPs made from lossy files, that do not go by a JPEG's own tables."""

_ZLIB = 3
"""Level: half as long as zlib's default takes, for files that are a few per cent larger."""


def encode_photo(photo: Photo, extension: str, name: str | Path) -> tuple[bytes, list[str]]:
    """The file of a photograph: as it was written if it is of the same kind, else as good.

    PNG, TIFF, BMP, and WebP of what was not lossy, keep every pixel bit for bit.

    Args:
      photo: a photograph.
      extension: one of KINDS.
      name: for messages.

    Returns:
      the file, and a line for each thing of the photograph that this kind of file cannot hold.

    Raises:
      UserError: a picture that this kind of file cannot hold, as one that is too large for it.
    """
    kind = KINDS[extension]
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
    """Takes from a photograph what this kind of file cannot hold; a line for each."""
    lost = []
    if photo.alpha is not None and kind in ("JPEG", "BMP"):
        lost.append(f"{kind} knows no transparency: laid on white")
        photo = photo._replace(pixels=shown(photo)[..., : photo.colours])
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
    """A file of 8-bit pixels, with what else there is of `photo`."""
    options: dict[str, Any] = {
        "JPEG": {"quality": _QUALITY},
        "WEBP": {"quality": _QUALITY} if photo.lossy else {"lossless": True, "exact": True},
        "PNG": {"compress_level": _ZLIB},
    }.get(kind, {})
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
    """A 16-bit PNG (PNG specification 1.2), of which Pillow writes grey ones only.

    Pillow writes one of a single pixel; its chunks of profile, EXIF and resolution are taken over.
    """
    height, width, channels = photo.pixels.shape
    colour_type = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    rows = photo.pixels.astype(">u2").view(np.uint8).reshape(height, -1)
    rows[1:] -= rows[:-1].copy()  # filter 2, Up
    filtered = np.insert(rows, 0, 2, axis=1).tobytes()
    small = _by_pillow(np.zeros((1, 1, 3), np.uint8), photo, "PNG")
    told = [(name, content) for name, content in png_chunks(small) if name != b"IHDR"]
    header = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    chunks = [(b"IHDR", header), *told, (b"IDAT", zlib.compress(filtered, _ZLIB)), (b"IEND", b"")]
    return small[:8] + b"".join(
        struct.pack(">I", len(content))
        + name
        + content
        + struct.pack(">I", zlib.crc32(name + content))
        for name, content in chunks
    )


def _tiff(photo: Photo) -> bytes:
    """A TIFF (revision 6.0) of any depth and channels, deflated, of which Pillow writes 8-bit ones.

    Pillow's directory writer lays out the tags, and puts the pixels after them.
    """
    height, width, channels = photo.pixels.shape
    differences = photo.pixels.copy()
    differences[:, 1:] -= photo.pixels[:, :-1]  # predictor 2
    packed = zlib.compress(differences.astype(differences.dtype.newbyteorder("<")).tobytes(), _ZLIB)
    directory = ImageFileDirectory_v2()
    if photo.dpi is not None:
        directory[282], directory[283] = photo.dpi
        directory[296] = 2  # inches
    exif = PillowImage.Exif()
    exif.load(photo.exif)
    for tag in DESCRIBING & set(exif):
        nested = tag in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)
        directory[tag] = dict(exif.get_ifd(tag)) if nested else exif[tag]
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
