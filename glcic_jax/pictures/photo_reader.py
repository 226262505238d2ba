"""Reads photographs with all that their files hold: depth, alpha, profile, EXIF."""

from __future__ import annotations

import math
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from jaxtyping import Shaped
from PIL import ExifTags, JpegImagePlugin
from PIL import Image as PillowImage
from PIL.PngImagePlugin import PngInfo

from glcic_jax.pictures.decode import load_pixels, open_picture
from glcic_jax.pictures.photo import Photo
from glcic_jax.runtime.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DESCRIBING = frozenset(
    {270, 271, 272, 282, 283, 296, 305, 306, 315, 316, 18246, 18249, 33432, 34665, 34853}
    | set(range(40091, 40096))
)
"""Tags of a TIFF that describe the photograph: Make, Artist, the EXIF and GPS directories. All
others describe how its pixels lie in the file."""

_COLOUR_CHUNKS = (b"cICP", b"gAMA", b"cHRM", b"sRGB")
"""The chunks of a PNG that define its colours, beside the profile."""

_SIDEWAYS = (5, 6, 7, 8)
"""EXIF orientations that exchange width and height."""

_EDGES = (ExifTags.Base.ExifImageWidth, ExifTags.Base.ExifImageHeight)
"""The EXIF tags of width and height."""

_MODES = {
    "1": "L", "L": "L", "LA": "LA", "La": "LA", "P": "RGB", "PA": "RGBA",
    "RGB": "RGB", "RGBX": "RGB", "RGBA": "RGBA", "RGBa": "RGBA",
    "YCbCr": "RGB", "CMYK": "RGB", "LAB": "RGB", "HSV": "RGB",
}  # fmt: skip
"""The modes that Pillow's 8-bit modes are converted to."""


def read_photo(data: bytes, name: str | Path) -> tuple[Photo, list[str]]:
    """Reads a photograph with all that its file holds.

    Args:
      data: a whole picture file.
      name: the file's name, for messages.

    Returns:
      The photograph, and a line for each thing in the file that it does not hold.

    Raises:
      UserError: as in `decode`; also for pixels of other depths than 8 and 16 bits.
    """
    # Read the header, and choose the first picture of several.
    picture = open_picture(name, data)
    orientation, exif, remarks = _read_exif(picture)
    frames = 1
    with suppress(Exception):  # counting reads the other pictures' headers
        frames = getattr(picture, "n_frames", 1)
        picture.seek(0)
    if frames > 1:
        remarks.append(f"holds {frames} pictures, the first is completed")

    # Read the pixels, upright and at their full depth.
    load_pixels(name, picture)
    deep = _is_deep(picture, data)
    if picture.mode not in _MODES and not deep:
        raise UserError(f"{name}: neither 8 nor 16 bits per channel: convert it first")
    # Pillow turns TIFFs upright itself, and no others.
    pixels = _upright(_pixels(picture), 1 if picture.format == "TIFF" else orientation)
    if deep:
        pixels = _deep_pixels(name, picture, data, orientation, pixels)

    # Collect what else there is.
    profile = picture.info.get("icc_profile")
    if picture.mode in ("CMYK", "LAB"):
        profile = None  # it describes the colours before the conversion
        remarks.append(f"{picture.mode} colours become RGB")
    kind = "JPEG" if picture.format == "MPO" else picture.format or ""
    lossless = kind not in ("JPEG", "JPEG2000", "WEBP") or _is_lossless_webp(data)
    photo = Photo(
        pixels=np.ascontiguousarray(pixels),
        kind=kind,
        profile=profile or None,
        exif=exif,
        dpi=_dpi(picture.info.get("dpi")),
        encoding=_encoding(picture, kind, data),
        lossy=not lossless,
    )
    return photo, remarks


def png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yields the names and contents of the chunks of a PNG before its pixels."""
    at = 8
    while (name := data[at + 4 : at + 8]) not in (b"IDAT", b"IEND", b""):
        size = int.from_bytes(data[at : at + 4], "big")
        yield name, data[at + 8 : at + 8 + size]
        at += 12 + size


def _is_deep(picture: PillowImage.Image, data: bytes) -> bool:
    """Returns whether a PNG or TIFF has 16 bits per channel."""
    if picture.format == "PNG":
        return data[24] == 16  # the depth in the header, IHDR
    bits = getattr(picture, "tag_v2", {}).get(258, ())
    return len(bits) > 0 and set(bits) == {16}


def _pixels(picture: PillowImage.Image) -> Shaped[np.ndarray, "h w c"]:
    """Returns the pixels as Pillow reads them: with 8 bits, or grey with 16."""
    mode = _MODES.get(picture.mode, picture.mode)
    if "transparency" in picture.info and mode in ("L", "RGB"):
        mode += "A"
    pixels = np.asarray(picture if picture.mode == mode else picture.convert(mode))
    return pixels[..., None] if pixels.ndim == 2 else pixels


def _deep_pixels(
    name: str | Path,
    picture: PillowImage.Image,
    data: bytes,
    orientation: int,
    upper_bits: Shaped[np.ndarray, "h w c"],
) -> Shaped[np.ndarray, "h w c"]:
    """Reads 16-bit pixels, which Pillow cuts to their upper 8 bits and OpenCV reads whole.

    Pillow has checked that the file is sound, which OpenCV does not. Both must have read the same
    colours: `upper_bits` are the upright pixels as Pillow read them.
    """
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is not None and pixels.dtype == np.uint16:
        pixels = pixels[..., None] if pixels.ndim == 2 else pixels
        order = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[pixels.shape[2]]
        pixels = pixels[..., order]
        colours = min(3, pixels.shape[2], upper_bits.shape[2])
        shift = 0 if upper_bits.dtype.itemsize > 1 else 8
        inverted = getattr(picture, "tag_v2", {}).get(262) == 0  # a TIFF with white as 0
        # Most versions of OpenCV turn TIFFs upright too, so both ways are tried.
        for turn in {1, orientation} if picture.format == "TIFF" else {orientation}:
            turned = _upright(pixels, turn)
            upper = turned[..., :colours].astype(np.uint16) >> shift
            same = np.array_equal(upper, upper_bits[..., :colours])
            if same and not inverted:
                return _as_grey(turned, picture, data)
    raise UserError(f"{name}: this kind of 16-bit file cannot be read: convert it first")


def _as_grey(
    pixels: Shaped[np.ndarray, "h w c"], picture: PillowImage.Image, data: bytes
) -> Shaped[np.ndarray, "h w c"]:
    """Makes grey again what OpenCV read of grey PNGs with alpha or with a transparent level."""
    if picture.format == "PNG" and data[25] == 4:  # grey and alpha
        return pixels[..., [0, 3]]
    level = picture.info.get("transparency")
    if pixels.shape[2] == 1 and isinstance(level, int):
        return np.concatenate([pixels, np.where(pixels == level, 0, 65535)], 2).astype(np.uint16)
    return pixels


def _upright(pixels: Shaped[np.ndarray, "h w c"], orientation: int) -> np.ndarray:
    """Turns and mirrors pixels as the EXIF orientation asks; unknown numbers change nothing."""
    if orientation in _SIDEWAYS:
        pixels = pixels.swapaxes(0, 1)
    down = orientation in (3, 4, 7, 8)
    across = orientation in (2, 3, 6, 7)
    return pixels[:: -1 if down else 1, :: -1 if across else 1]


def _read_exif(picture: PillowImage.Image) -> tuple[int, bytes, list[str]]:
    """Returns the orientation, the EXIF block without it, and a line if the EXIF is damaged."""
    orientation = 1
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            own, exif = picture.getexif(), PillowImage.Exif()
            orientation = own.get(ExifTags.Base.Orientation, 1)
            exif.load(own.tobytes())  # a copy: Pillow itself still needs the first
            exif.pop(ExifTags.Base.Orientation, None)
            camera = exif.get_ifd(ExifTags.IFD.Exif) if ExifTags.IFD.Exif in exif else {}
            if orientation in _SIDEWAYS and camera.keys() >= set(_EDGES):
                camera.update(zip(_EDGES, [camera[edge] for edge in _EDGES[::-1]], strict=True))
            if picture.format == "TIFF":
                for tag in set(exif) - DESCRIBING:
                    del exif[tag]
            return orientation, exif.tobytes() if len(exif) else b"", []
    except Exception:  # each of Pillow's readers raises errors of its own
        return orientation, b"", ["its EXIF is damaged and left out"]


def _dpi(dpi: Any) -> tuple[float, float] | None:
    """Returns a file's pixels per inch, across and down, if they make sense."""
    try:
        across, down = (float(value) for value in dpi)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    sound = all(math.isfinite(value) and 1 <= value < 65535 for value in (across, down))
    return (across, down) if sound else None


def _encoding(picture: PillowImage.Image, kind: str, data: bytes) -> dict[str, Any]:
    """Returns Pillow's options that write this kind of file as this one was written."""
    if kind == "PNG":
        kept = PngInfo()
        for name, content in png_chunks(data):
            if name in _COLOUR_CHUNKS:
                kept.add(name, content)
        return {"pnginfo": kept}
    if isinstance(picture, JpegImagePlugin.JpegImageFile):
        # The same as Pillow's quality="keep", which it refuses for pictures that were changed.
        return {
            "qtables": picture.quantization,
            "subsampling": JpegImagePlugin.get_sampling(picture),
            "progressive": bool(picture.info.get("progressive")),
        }
    return {}


def _is_lossless_webp(data: bytes) -> bool:
    """Returns whether a file is a WebP whose pixels are stored without loss."""
    at = 12
    while at + 8 <= len(data):
        if data[at : at + 4] in (b"VP8L", b"VP8 "):
            return data[at : at + 4] == b"VP8L"
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8 + size + size % 2
    return False
