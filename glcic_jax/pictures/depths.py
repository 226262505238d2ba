"""Pixels of every depth, from an opened picture of Pillow's to arrays of 8 or 16 bits."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Shaped
from PIL import Image as PillowImage

from glcic_jax.runtime.errors import UserError

DAMAGED = "the file is truncated or damaged"

SIDEWAYS = (5, 6, 7, 8)
"""EXIF orientations that exchange width and height."""

_BITS = 258
_PHOTOMETRIC = 262
"""Tags of a TIFF: bits per sample, and what its values mean (0: grey, white is 0)."""

MODES = {
    "1": "L", "L": "L", "LA": "LA", "La": "LA", "P": "RGB", "PA": "RGBA",
    "RGB": "RGB", "RGBX": "RGB", "RGBA": "RGBA", "RGBa": "RGBA",
    "YCbCr": "RGB", "CMYK": "RGB", "LAB": "RGB", "HSV": "RGB",
}  # fmt: skip
"""The modes that Pillow's 8-bit modes are converted to."""


def upright(pixels: Shaped[np.ndarray, "h w c"], orientation: int) -> Shaped[np.ndarray, "H W c"]:
    """Turns and mirrors pixels as an EXIF orientation, 1 to 8, asks."""
    if orientation in SIDEWAYS:
        pixels = pixels.swapaxes(0, 1)
    down = orientation in (3, 4, 7, 8)
    across = orientation in (2, 3, 6, 7)
    return pixels[:: -1 if down else 1, :: -1 if across else 1]


def by_pillow(picture: PillowImage.Image) -> Shaped[np.ndarray, "h w c"]:
    """Returns the pixels of a picture with 8 bits or fewer."""
    mode = MODES[picture.mode]
    if "transparency" in picture.info and mode in ("L", "RGB"):
        mode += "A"
    pixels = np.asarray(picture if picture.mode == mode else picture.convert(mode))
    return pixels[..., None] if pixels.ndim == 2 else pixels


def scaled_grey(name: str | Path, picture: PillowImage.Image, data: bytes) -> np.ndarray:
    """Returns grey values that are not of 8 bits as uint16 [h, w, 1], or [h, w, 2] with alpha.

    Raises:
      UserError: the values have no range that is known; names the one they are in.
    """
    values = np.asarray(picture)
    bits = max(getattr(picture, "tag_v2", {}).get(_BITS, (0,)))
    if picture.mode == "F" and 0 <= values.min() <= values.max() <= 1:  # false for NaN too
        return np.rint(values * np.float32(65535)).astype(np.uint16)[..., None]
    deep_png = picture.format == "PNG" and data[24] == 16  # the depth in its header, IHDR
    if deep_png or picture.format in ("PPM", "JPEG2000") or picture.mode.startswith("I;16"):
        if 8 < bits < 16:
            values = np.rint(values * (65535 / (2**bits - 1)))
        if not 0 <= values.min() <= values.max() <= 65535:
            raise UserError(f"{name}: {DAMAGED}")
        if getattr(picture, "tag_v2", {}).get(_PHOTOMETRIC) == 0:
            values = 65535 - values
        grey = values.astype(np.uint16)[..., None]
        level = picture.info.get("transparency")
        if isinstance(level, int):
            grey = np.concatenate([grey, np.where(grey == level, 0, 65535).astype(np.uint16)], 2)
        return grey
    kind = "floats" if picture.mode == "F" else "32-bit integers"
    wanted = "floats from 0 to 1, or " if picture.mode == "F" else ""
    raise UserError(
        f"{name}: holds {kind} from {values.min():g} to {values.max():g}: save it with {wanted}"
        "8 or 16 bits"
    )


def is_deep_colour(picture: PillowImage.Image, data: bytes) -> bool:
    """Returns whether a PNG or TIFF has 16 bits per channel and more channels than one."""
    if picture.format == "PNG":
        return data[24] == 16 and data[25] != 0
    bits = getattr(picture, "tag_v2", {}).get(_BITS, ())
    return len(bits) > 1 and set(bits) == {16}


def deep_colour(
    name: str | Path, picture: PillowImage.Image, data: bytes, orientation: int
) -> Shaped[np.ndarray, "h w c"]:
    """Reads 16-bit colours, which Pillow cuts to their upper 8 bits and OpenCV reads whole.

    Pillow has checked that the file is sound, which OpenCV does not. Both must have read the same
    colours.
    """
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is not None and pixels.dtype == np.uint16 and pixels.ndim == 3:
        order = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[pixels.shape[2]]
        pixels = pixels[..., order]
        # Pillow has turned a TIFF already. Most versions of OpenCV turn it too, so both ways are
        # tried. A PNG is turned here.
        upper_bits = by_pillow(picture)
        if picture.format != "TIFF":
            upper_bits = upright(upper_bits, orientation)
        colours = min(3, pixels.shape[2], upper_bits.shape[2])
        for turn in sorted({1, orientation}):
            turned = upright(pixels, turn)
            upper = (turned[..., :colours] >> 8).astype(np.uint8)
            if np.array_equal(upper, upper_bits[..., :colours]):
                # OpenCV makes four channels of grey and alpha.
                grey = picture.format == "PNG" and data[25] == 4
                return turned[..., [0, 3]] if grey else turned
    raise UserError(f"{name}: this kind of 16-bit file cannot be read: save it as a plain PNG")
