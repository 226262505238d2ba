"""Reads and writes picture files as uint8 RGB [h, w, 3]. Needs no JAX."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import cv2

from glcic_jax.pictures.pixels import open_picture, orientation_of, read_pixels, to_rgb8
from glcic_jax.runtime.disk import read_file, write_whole
from glcic_jax.runtime.errors import UserError

if TYPE_CHECKING:
    from glcic_jax.types import PixelImage

WRITTEN = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".tif", ".tiff"})
"""The extensions, in lower case, of picture files that can be written."""

EXTENSIONS = WRITTEN | {".avif", ".heic", ".heif"}
"""The extensions, in lower case, of files that count as pictures."""

_QUALITY = {
    ".jpg": [cv2.IMWRITE_JPEG_QUALITY, 95],
    ".jpeg": [cv2.IMWRITE_JPEG_QUALITY, 95],
    ".webp": [cv2.IMWRITE_WEBP_QUALITY, 95],
}


class Header(NamedTuple):
    """Holds what the header of a picture file says about it.

    Attributes:
      kind: the format as Pillow names it: JPEG, PNG, WEBP, ...
      plain: whether it is 8-bit grey or RGB and stored upright. Programs that know nothing of EXIF,
        palettes, CMYK or transparency show such a file correctly.
      pixels: width times height.
      profile: the ICC profile of an RGB picture's colours; empty = none.
    """

    kind: str
    plain: bool
    pixels: int
    profile: bytes


def decode(path: str | Path) -> PixelImage:
    """Reads a picture file as upright uint8 RGB [h, w, 3].

    Grey, palette, CMYK, 16-bit and EXIF-rotated pictures are converted. Transparent pixels are laid
    on white.

    Raises:
      UserError: the file is missing, or as in `read_pixels`.
    """
    return decode_bytes(read_file(Path(path)), path)


def decode_bytes(data: bytes, name: str | Path) -> PixelImage:
    """Does the same as `decode` with the bytes of a file.

    Args:
      data: a whole picture file.
      name: the file's name, for messages.

    Raises:
      UserError: as in `decode`.
    """
    return to_rgb8(read_pixels(data, name).pixels)


def read_header(data: bytes, name: str | Path) -> Header:
    """Reads the header of a picture file, and no pixels.

    Args:
      data: a whole picture file.
      name: the file's name, for messages.

    Raises:
      UserError: the file is empty, not a picture, or too large; names the file.
    """
    picture = open_picture(name, data)
    transparent = "transparency" in picture.info
    upright = orientation_of(picture) == 1
    plain = upright and picture.mode in ("L", "RGB") and not transparent
    profile = picture.info.get("icc_profile") or b""
    if profile[16:20] != b"RGB ":
        profile = b""
    return Header(picture.format or "", plain, picture.width * picture.height, profile)


def write_picture(path: str | Path, image: PixelImage) -> None:
    """Writes a picture file. The extension of its name chooses the format.

    JPEG and WebP are written at quality 95. The file appears under its name only once it is whole.

    Args:
      path: ends with one of WRITTEN.
      image: uint8 RGB [h, w, 3].

    Raises:
      UserError: the extension is unknown, or the file cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() not in WRITTEN:
        raise UserError(f"{path}: unknown kind of file; write {', '.join(sorted(WRITTEN))}")
    try:
        write_whole(path, encode(image, path.suffix.lower()))
    except OSError as error:
        raise UserError(f"{path}: cannot write: {error.strerror or error}") from error


def encode(image: PixelImage, extension: str) -> bytes:
    """Returns the bytes of a picture's file.

    Args:
      image: uint8 RGB [h, w, 3].
      extension: one of WRITTEN.
    """
    if extension in (".jpe", ".jfif"):
        extension = ".jpg"  # OpenCV knows a JPEG by this name
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(extension, bgr, _QUALITY.get(extension, []))
    return data.tobytes()
