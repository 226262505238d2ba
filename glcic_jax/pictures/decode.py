"""Reads and writes picture files as uint8 RGB [h, w, 3]. Needs no JAX."""

from __future__ import annotations

import warnings
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
from jaxtyping import UInt8
from PIL import ExifTags, ImageOps
from PIL import Image as PillowImage

from glcic_jax.runtime.disk import read_file, write_whole
from glcic_jax.runtime.errors import UserError

if TYPE_CHECKING:
    from glcic_jax.types import PixelImage

EXTENSIONS = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
"""The extensions, in lower case, of files that count as pictures."""

MAX_PIXELS = 178_000_000
"""Pillow's limit. Larger pictures are refused by their header, before anything is decoded."""

FORMATS = ("BMP", "DIB", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
"""Pillow's names of the formats that are opened. Others are refused: an EPS file is a program."""

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
    on white. JPEGs, the bulk of most training sets, are decoded by OpenCV.

    Raises:
      UserError: the file is missing, empty, truncated, not a picture, or too large; names the file.
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
    picture = open_picture(name, data)
    if picture.format == "JPEG" and picture.mode in ("L", "RGB"):
        # OpenCV turns the picture upright itself. It reads truncated files as far as they go, or
        # not at all; only the end-of-image marker shows that nothing is missing.
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        if image is None or b"\xff\xd9" not in data[-4096:]:
            raise UserError(f"{name}: the file is truncated or damaged")
        # Not by indexing: that copy would take as long as decoding.
        return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    return _to_rgb(_load_upright(name, picture))


def read_header(data: bytes, name: str | Path) -> Header:
    """Reads the header of a picture file, and no pixels.

    Args:
      data: a whole picture file.
      name: the file's name, for messages.

    Raises:
      UserError: the file is empty, not a picture, or too large; names the file.
    """
    picture = open_picture(name, data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            upright = picture.getexif().get(ExifTags.Base.Orientation, 1) == 1
    except Exception:  # each of Pillow's readers raises errors of its own
        upright = False
    transparent = "transparency" in picture.info
    plain = upright and picture.mode in ("L", "RGB") and not transparent
    profile = picture.info.get("icc_profile") or b""
    if profile[16:20] != b"RGB ":
        profile = b""
    return Header(picture.format or "", plain, picture.width * picture.height, profile)


def decode_mask(path: str | Path) -> UInt8[np.ndarray, "h w"]:
    """Reads any kind of picture as a mask: 1 where its grey value is at least 128 (white), else 0.

    Colours count by their luminance. Transparent pixels count as black, which means known: editors
    save white strokes on a transparent ground.

    Raises:
      UserError: as in `decode`.
    """
    return decode_mask_bytes(read_file(Path(path)), path)


def decode_mask_bytes(data: bytes, name: str | Path) -> UInt8[np.ndarray, "h w"]:
    """Does the same as `decode_mask` with the bytes of a file; `name` is for messages."""
    return (decode_grey(data, name) >= 128).astype(np.uint8)


def decode_grey(data: bytes, name: str | Path) -> UInt8[np.ndarray, "h w"]:
    """Reads the grey levels of a mask's file, as `decode_mask` sees them: 0 is black, 255 white.

    Raises:
      UserError: as in `decode`.
    """
    picture = _load_upright(name, open_picture(name, data))
    if "A" in picture.getbands() or "transparency" in picture.info:
        picture = PillowImage.alpha_composite(
            PillowImage.new("RGBA", picture.size, (0, 0, 0, 255)), picture.convert("RGBA")
        )
    if picture.mode != "L":
        picture = PillowImage.fromarray(_to_rgb(picture)).convert("L")
    return np.array(picture)


def open_picture(name: str | Path, data: bytes) -> PillowImage.Image:
    """Opens a picture and reads its header only. All that reads pixels must open files here.

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
    except Exception as error:  # each of Pillow's readers raises errors of its own
        raise UserError(f"{name}: not a picture that can be read") from error
    if picture.width * picture.height > MAX_PIXELS:
        size = f"{picture.width}x{picture.height}"
        raise UserError(f"{name}: {size} pixels are too many, the limit is {MAX_PIXELS:,}")
    return picture


def load_pixels(name: str | Path, picture: PillowImage.Image) -> None:
    """Decodes the pixels of an opened picture as they are stored, not turned upright.

    Raises:
      UserError: the file is truncated or damaged; names the file.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            picture.load()
    except Exception as error:
        raise UserError(f"{name}: the file is truncated or damaged") from error


def _load_upright(name: str | Path, picture: PillowImage.Image) -> PillowImage.Image:
    """Decodes an opened picture, and turns it upright."""
    load_pixels(name, picture)
    try:
        return ImageOps.exif_transpose(picture)
    except Exception as error:
        raise UserError(f"{name}: the file is truncated or damaged") from error


def _to_rgb(picture: PillowImage.Image) -> PixelImage:
    """Converts a decoded picture of any mode to uint8 RGB [h, w, 3], transparent parts on white."""
    if picture.mode.startswith(("I", "F")):  # 16-bit grey: Pillow would clip, not scale
        values = np.asarray(picture).astype(np.float32)
        grey = np.rint(np.clip(values / 65535, 0, 1) * 255).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if "A" in picture.getbands() or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        white = PillowImage.new("RGBA", picture.size, (255, 255, 255, 255))
        picture = PillowImage.alpha_composite(white, picture)
    return np.array(picture.convert("RGB"))


def write_picture(path: str | Path, image: PixelImage) -> None:
    """Writes a picture file. The extension of its name chooses the format.

    JPEG and WebP are written at quality 95. The file appears under its name only once it is whole.

    Args:
      path: ends with one of EXTENSIONS.
      image: uint8 RGB [h, w, 3].

    Raises:
      UserError: the extension is unknown, or the file cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() not in EXTENSIONS:
        raise UserError(f"{path}: unknown kind of file; write {', '.join(sorted(EXTENSIONS))}")
    try:
        write_whole(path, encode(image, path.suffix.lower()))
    except OSError as error:
        raise UserError(f"{path}: cannot write: {error.strerror or error}") from error


def encode(image: PixelImage, extension: str) -> bytes:
    """Returns the bytes of a picture's file.

    Args:
      image: uint8 RGB [h, w, 3].
      extension: one of EXTENSIONS.
    """
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(extension, bgr, _QUALITY.get(extension, []))
    return data.tobytes()
