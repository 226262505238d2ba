"""Reads photographs with all that their files hold: depth, alpha, profile, EXIF."""

from __future__ import annotations

import math
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from PIL import ExifTags, JpegImagePlugin
from PIL import Image as PillowImage
from PIL.PngImagePlugin import PngInfo

from glcic_jax.pictures.depths import SIDEWAYS
from glcic_jax.pictures.photo import Photo
from glcic_jax.pictures.pixels import TURNED, png_chunks, read_pixels

if TYPE_CHECKING:
    from pathlib import Path

DESCRIBING = frozenset(
    {270, 271, 272, 282, 283, 296, 305, 306, 315, 316, 18246, 18249, 33432, 34665, 34853}
    | set(range(40091, 40096))
)
"""Tags of a TIFF that describe the photograph: Make, Artist, the EXIF and GPS directories. All
others describe how its pixels lie in the file."""

_COLOUR_CHUNKS = (b"cICP", b"gAMA", b"cHRM", b"sRGB")
"""The chunks of a PNG that define its colours, beside the profile."""

_COMPANIONS = {
    b"hdrgm:Version": "a gain map for HDR",
    b"apdi:AuxiliaryImageType": "a gain map or depth map",
    b"GDepth:": "a depth map",
    b"MotionPhoto": "a video",
    b"ftypmp4": "a video",
    b"ftypisom": "a video",
}
"""What stands in a photograph's file or behind it, by what its XMP or its video begins with."""

_EDGES = (ExifTags.Base.ExifImageWidth, ExifTags.Base.ExifImageHeight)
"""The EXIF tags of width and height."""


def read_photo(data: bytes, name: str | Path) -> tuple[Photo, list[str]]:
    """Reads a photograph with all that its file holds.

    Args:
      data: a whole picture file.
      name: the file's name, for messages.

    Returns:
      The photograph, and a line for each thing in the file that it does not hold.

    Raises:
      UserError: as in `read_pixels`.
    """
    pixels, picture, orientation = read_pixels(data, name)
    exif, remarks = _read_exif(picture, orientation)
    frames = 1
    with suppress(Exception):  # counting reads the other pictures' headers
        frames = getattr(picture, "n_frames", 1)
    if frames > 1:
        remarks.append(f"holds {frames} pictures, the first is completed")
    remarks += [f"{what} in it is left out" for what in _companions(data, picture)]

    # Collect what else there is.
    profile = picture.info.get("icc_profile")
    if picture.mode in ("CMYK", "LAB"):
        profile = None  # it describes the colours before the conversion
        remarks.append(f"{picture.mode} colours become RGB")
    kind = "JPEG" if picture.format == "MPO" else picture.format or ""
    lossless = kind not in ("JPEG", "JPEG2000", "WEBP") or _is_lossless_webp(data)
    photo = Photo(
        pixels=pixels,
        kind=kind,
        profile=profile or None,
        exif=exif,
        dpi=_dpi(picture.info.get("dpi")),
        encoding=_encoding(picture, kind, data),
        lossy=not lossless,
    )
    return photo, remarks


def _companions(data: bytes, picture: PillowImage.Image) -> list[str]:
    """Names what phones keep beside a photograph, and no completed one can have any more."""
    kept = {what for mark, what in _COMPANIONS.items() if mark in data}
    if picture.info.get("depth_images"):  # of a HEIC
        kept.add("a depth map")
    return sorted(kept)


def _read_exif(picture: PillowImage.Image, orientation: int) -> tuple[bytes, list[str]]:
    """Returns the EXIF block without an orientation, and remarks on it.

    Args:
      picture: loaded.
      orientation: the one that its pixels were turned by.
    """
    remarks = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            own, exif = picture.getexif(), PillowImage.Exif()
            exif.load(own.tobytes())  # a copy: Pillow itself still needs the first
            asked = exif.pop(ExifTags.Base.Orientation, 1)
            if asked != 1 and picture.format not in TURNED:
                remarks.append("its EXIF asks for a turn that browsers do not make: left as it is")
            camera = exif.get_ifd(ExifTags.IFD.Exif) if ExifTags.IFD.Exif in exif else {}
            if orientation in SIDEWAYS and camera.keys() >= set(_EDGES):
                camera.update(zip(_EDGES, [camera[edge] for edge in _EDGES[::-1]], strict=True))
            if picture.format == "TIFF":
                for tag in set(exif) - DESCRIBING:
                    del exif[tag]
            return exif.tobytes() if len(exif) else b"", remarks
    except Exception:  # each of Pillow's readers raises errors of its own
        return b"", ["its EXIF is damaged and left out"]


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
        for name, content, _ in png_chunks(data):
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
