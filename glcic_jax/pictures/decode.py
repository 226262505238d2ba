"""Reads and writes picture files: always uint8 RGB [h, w, 3] inside. Needs no JAX."""

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

MAX_PIXELS = 178_000_000
"""Larger pictures are refused by their header, before a byte of them is decoded: Pillow's limit."""

FORMATS = ("BMP", "DIB", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
"""Pillow's names of what is opened; others are refused: an EPS, for one, is a program."""

_QUALITY = {
    ".jpg": [cv2.IMWRITE_JPEG_QUALITY, 95],
    ".jpeg": [cv2.IMWRITE_JPEG_QUALITY, 95],
    ".webp": [cv2.IMWRITE_WEBP_QUALITY, 95],
}


class Header(NamedTuple):
    """What a picture file says of itself.

    kind: as Pillow names it: JPEG, PNG, WEBP, ...
    plain: 8-bit grey or RGB, stored upright: shown right by programs that know nothing of EXIF,
        palettes, CMYK or transparency.
    pixels: width times height.
    profile: the ICC profile of an RGB picture's colours; empty = none.
    """

    kind: str
    plain: bool
    pixels: int
    profile: bytes


def decode(path: str | Path) -> PixelImage:
    """Reads a picture: grey, palette, CMYK, 16-bit and EXIF-rotated ones come out as upright RGB.

    Transparent pixels are laid on white. JPEGs, the bulk of any training set, go through OpenCV.

    Raises:
      UserError: missing, empty, truncated, no picture, or too large; names the file.
    """
    return decode_bytes(read_file(Path(path)), path)


def decode_bytes(data: bytes, name: str | Path) -> PixelImage:
    """The same of a file's bytes.

    Args:
      data: a whole picture file.
      name: for messages.

    Raises:
      UserError: as `decode`.
    """
    picture = open_picture(name, data)
    if picture.format == "JPEG" and picture.mode in ("L", "RGB"):
        # OpenCV turns the picture upright itself. It reads truncated files as far as they go, or
        # not at all; only the end-of-image marker tells that nothing is missing.
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        if image is None or b"\xff\xd9" not in data[-4096:]:
            raise UserError(f"{name}: the file is truncated or damaged")
        return cv2.cvtColor(
            image, cv2.COLOR_BGR2RGB
        )  # a copy by indexing takes as long as decoding
    return _to_rgb(_load_upright(name, picture))


def read_header(data: bytes, name: str | Path) -> Header:
    """Reads what a picture file says of itself, no pixels.

    Raises:
      UserError: empty, no picture, or too large; names the file.
    """
    picture = open_picture(name, data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            upright = picture.getexif().get(ExifTags.Base.Orientation, 1) == 1
    except Exception:  # Pillow's readers raise whatever their format makes them
        upright = False
    transparent = "transparency" in picture.info
    plain = upright and picture.mode in ("L", "RGB") and not transparent
    profile = picture.info.get("icc_profile") or b""
    if profile[16:20] != b"RGB ":
        profile = b""
    return Header(picture.format or "", plain, picture.width * picture.height, profile)


def decode_mask(path: str | Path) -> UInt8[np.ndarray, "h w"]:
    """Reads a mask of any kind: 1 where its grey value is at least 128 (white), else 0.

    Colours count by their luminance. Transparent pixels count as black, that is known: editors
    save white strokes on a transparent ground.

    Raises:
      UserError: as `decode`.
    """
    return decode_mask_bytes(read_file(Path(path)), path)


def decode_mask_bytes(data: bytes, name: str | Path) -> UInt8[np.ndarray, "h w"]:
    """The same of a file's bytes; `name` is for messages."""
    return (decode_grey(data, name) >= 128).astype(np.uint8)


def decode_grey(data: bytes, name: str | Path) -> UInt8[np.ndarray, "h w"]:
    """The grey levels of a mask's file, as `decode_mask` sees them: 0 is black, 255 white.

    Raises:
      UserError: as `decode`.
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
    """Reads the header only; whatever reads pixels comes past the guards here.

    Raises:
      UserError: empty, no picture of FORMATS, or larger than MAX_PIXELS; names the file.
    """
    if not data:
        raise UserError(f"{name}: the file is empty")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of large pictures, of broken EXIF
            picture = PillowImage.open(BytesIO(data), formats=FORMATS)
    except PillowImage.DecompressionBombError as error:
        raise UserError(f"{name}: too many pixels, the limit is {MAX_PIXELS:,}") from error
    except Exception as error:  # Pillow's readers raise whatever their format makes them
        raise UserError(f"{name}: not a picture that can be read") from error
    if picture.width * picture.height > MAX_PIXELS:
        size = f"{picture.width}x{picture.height}"
        raise UserError(f"{name}: {size} pixels are too many, the limit is {MAX_PIXELS:,}")
    return picture


def load_pixels(name: str | Path, picture: PillowImage.Image) -> None:
    """Decodes an opened picture, as it is stored.

    Raises:
      UserError: truncated or damaged; names the file.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            picture.load()
    except Exception as error:
        raise UserError(f"{name}: the file is truncated or damaged") from error


def _load_upright(name: str | Path, picture: PillowImage.Image) -> PillowImage.Image:
    load_pixels(name, picture)
    try:
        return ImageOps.exif_transpose(picture)
    except Exception as error:
        raise UserError(f"{name}: the file is truncated or damaged") from error


def _to_rgb(picture: PillowImage.Image) -> PixelImage:
    if picture.mode.startswith(("I", "F")):  # 16-bit grey: Pillow would clip, not scale
        values = np.asarray(picture).astype(np.float32)
        grey = np.rint(np.clip(values / 65535, 0, 1) * 255).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if "A" in picture.getbands() or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        white = PillowImage.new("RGBA", picture.size, (255, 255, 255, 255))
        picture = PillowImage.alpha_composite(white, picture)
    return np.array(picture.convert("RGB"))


def write(path: str | Path, image: PixelImage) -> None:
    """Writes uint8 RGB [h, w, 3], the format by the name's extension, JPEG and WebP at quality 95.

    The file appears under its name only once it is whole.

    Raises:
      UserError: an unknown extension, or a folder that cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() not in EXTENSIONS:
        raise UserError(f"{path}: unknown kind of file; write {', '.join(sorted(EXTENSIONS))}")
    try:
        write_whole(path, encode(image, path.suffix.lower()))
    except OSError as error:
        raise UserError(f"{path}: cannot write: {error.strerror or error}") from error


def encode(image: PixelImage, extension: str) -> bytes:
    """The file of a picture, uint8 RGB [h, w, 3]; `extension` is one of EXTENSIONS."""
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(extension, bgr, _QUALITY.get(extension, []))
    return data.tobytes()
