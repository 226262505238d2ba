"""Decodes picture files: the one place where bytes become pixels. Needs no JAX.

All commands read through here, so they agree on size, orientation and pixels, and refuse the same
files in the same words. The rules:

- Orientation is what browsers follow: the EXIF tag of a JPEG, of a PNG where it stands before the
  pixels, and of an AVIF; and a TIFF's own tag. What XMP or a WebP's EXIF asks for is not followed.
- Values are scaled to 8 or 16 bits or refused, never cut: floats count from 0 to 1.
- A file is whole or refused. Pillow decodes once, and any of its errors refuses the file: what a
  second try returns may be half a picture. A PNG's checksums are verified, all of them.
"""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Shaped
from PIL import ExifTags
from PIL import Image as PillowImage

from glcic_jax.pictures.depths import (
    DAMAGED,
    MODES,
    by_pillow,
    deep_colour,
    is_deep_colour,
    scaled_grey,
    upright,
)
from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.extras import missing_extra

MAX_PIXELS = 178_000_000
"""Pillow's limit. Larger pictures are refused by their header, before anything is decoded."""

FORMATS = ("AVIF", "BMP", "DIB", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
"""Pillow's names of the formats that are opened. Others are refused: an EPS file is a program."""

HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1")
"""What a HEIC file calls itself, at bytes 8 to 12."""

TURNED = ("AVIF", "JPEG", "MPO", "PNG", "TIFF")
"""Pillow's names of the formats whose EXIF orientation browsers follow, and that of TIFF."""

_XMP = ("xmp", "XML:com.adobe.xmp", "Raw profile type xmp")
"""Pillow's names of a file's XMP, in which it looks for an orientation where EXIF has none."""


class Decoded(NamedTuple):
    """Holds a decoded picture.

    Attributes:
      pixels: uint8 or uint16 [h, w, c], upright: grey (c = 1), grey and alpha (2), RGB (3), RGB and
        alpha (4). Colours are not multiplied by alpha.
      picture: Pillow's picture, loaded, for what else its file holds.
      orientation: the EXIF orientation that `pixels` were turned by; 1 = none.
    """

    pixels: Shaped[np.ndarray, "h w c"]
    picture: PillowImage.Image
    orientation: int


def read_pixels(data: bytes, name: str | Path) -> Decoded:
    """Decodes a picture file; of several pictures in it, the first.

    Args:
      data: a whole picture file.
      name: the file's name, for messages.

    Raises:
      UserError: the file is empty, truncated, damaged, not a picture, too large, or holds values
        that cannot be scaled; names the file.
    """
    picture = open_picture(name, data)
    orientation = orientation_of(picture)
    if picture.format == "PNG":
        _check_png(data, name)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            picture.load()
    except Exception as error:  # each of Pillow's readers raises errors of its own
        raise UserError(f"{name}: {DAMAGED}") from error
    # Pillow turns TIFFs upright itself when it loads them, and no others.
    turn = 1 if picture.format == "TIFF" else orientation
    if is_deep_colour(picture, data):
        pixels = deep_colour(name, picture, data, orientation)
    elif picture.mode in MODES:
        pixels = upright(by_pillow(picture), turn)
    else:
        pixels = upright(scaled_grey(name, picture, data), turn)
    return Decoded(np.ascontiguousarray(pixels), picture, orientation)


def open_picture(name: str | Path, data: bytes) -> PillowImage.Image:
    """Opens a picture and reads its header only.

    Raises:
      UserError: the file is empty, not a picture in one of FORMATS, or larger than MAX_PIXELS;
        names the file.
    """
    if not data:
        raise UserError(f"{name}: the file is empty")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about large pictures and broken EXIF
            picture = PillowImage.open(BytesIO(data), formats=FORMATS)
    except PillowImage.DecompressionBombError as error:
        raise UserError(f"{name}: too many pixels, the limit is {MAX_PIXELS:,}") from error
    except Exception as error:
        if data[4:8] != b"ftyp" or data[8:12] not in HEIF_BRANDS:
            raise UserError(f"{name}: not a picture that can be read") from error
        picture = _open_heif(name, data)
    if picture.width * picture.height > MAX_PIXELS:
        size = f"{picture.width}x{picture.height}"
        raise UserError(f"{name}: {size} pixels are too many, the limit is {MAX_PIXELS:,}")
    for key in _XMP:
        picture.info.pop(key, None)
    return picture


def _open_heif(name: str | Path, data: bytes) -> PillowImage.Image:
    """Opens a HEIC photograph, as phones make them. Their reader turns them upright itself.

    Raises:
      UserError: the package for them is not installed, or the file is damaged.
    """
    try:
        import pillow_heif  # pyright: ignore[reportMissingImports] - an extra
    except ImportError as error:
        need = f"{name}: save it as JPEG or PNG, or read HEIC by the package pillow-heif"
        raise missing_extra(need, "heif") from error
    pillow_heif.register_heif_opener()
    try:
        return PillowImage.open(BytesIO(data), formats=("HEIF",))
    except Exception as error:
        raise UserError(f"{name}: {DAMAGED}") from error


def orientation_of(picture: PillowImage.Image) -> int:
    """Returns the EXIF orientation, 1 to 8, of a picture that is opened and not loaded yet."""
    if picture.format not in TURNED:
        return 1
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if picture.format == "TIFF":
                value = getattr(picture, "tag_v2", {}).get(ExifTags.Base.Orientation, 1)
            else:
                exif = PillowImage.Exif()
                exif.load(picture.info.get("exif", b""))
                value = exif.get(ExifTags.Base.Orientation, 1)
    except Exception:  # broken EXIF asks for nothing
        return 1
    return value if value in range(1, 9) else 1


def to_rgb8(pixels: Shaped[np.ndarray, "h w c"]) -> np.ndarray:
    """Returns pixels as networks read them: uint8 RGB [h, w, 3], transparent parts on white.

    Args:
      pixels: uint8 or uint16, as in `Decoded`.
    """
    most, channels = np.iinfo(pixels.dtype).max, pixels.shape[2]
    colour = pixels[..., : 1 if channels < 3 else 3]
    if channels in (2, 4):
        opacity = pixels[..., -1:].astype(np.float32) / most
        colour = colour * opacity + most * (1 - opacity)
    if colour.dtype != np.uint8:
        colour = np.rint(colour * np.float32(255 / most)).astype(np.uint8)
    return np.repeat(colour, 3, axis=2) if channels < 3 else np.ascontiguousarray(colour)


def png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes, int]]:
    """Yields the name, the content and the stored checksum of each chunk of a PNG, IEND too."""
    at = 8
    while at + 12 <= len(data):
        end = at + 8 + int.from_bytes(data[at : at + 4], "big")
        yield data[at + 4 : at + 8], data[at + 8 : end], int.from_bytes(data[end : end + 4], "big")
        at = end + 4


def _check_png(data: bytes, name: str | Path) -> None:
    """Refuses a PNG of which a chunk is damaged, or the last one is missing."""
    for kind, content, checksum in png_chunks(data):
        if zlib.crc32(content, zlib.crc32(kind)) != checksum:
            break
        if kind == b"IEND":
            return
    raise UserError(f"{name}: {DAMAGED}")
