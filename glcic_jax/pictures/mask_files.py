"""Reads picture files as masks, 1 = to be filled. Needs no JAX."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Shaped, UInt8

from glcic_jax.pictures.pixels import read_pixels
from glcic_jax.runtime.disk import read_file
from glcic_jax.runtime.errors import UserError

HALF = 128
"""Grey level from which on a pixel counts as white, of 255."""

SHOWN = 4
"""Values of a mask that a refusal names."""


def decode_mask(path: str | Path) -> UInt8[np.ndarray, "h w"]:
    """Reads any kind of picture as a mask: 1 where its grey value is at least 128 (white), else 0.

    Colours count by their luminance. Transparent pixels count as black, which means known: editors
    save white strokes on a transparent ground. A mask of two values, 0 and any other, is 1 where it
    is not 0: programs write masks of 0 and 1, and palettes of one label.

    Raises:
      UserError: the file is missing, or as in `mask_levels`.
    """
    return decode_mask_bytes(read_file(Path(path)), path)


def decode_mask_bytes(data: bytes, name: str | Path) -> UInt8[np.ndarray, "h w"]:
    """Does the same as `decode_mask` with the bytes of a file; `name` is for messages."""
    return (mask_levels(data, name) >= HALF).astype(np.uint8)


def mask_levels(data: bytes, name: str | Path) -> UInt8[np.ndarray, "h w"]:
    """Reads the grey levels of a mask's file, as `decode_mask` sees them: 0 is black, 255 white.

    Raises:
      UserError: as in `read_pixels`; or the file holds something else than black and white, such as
        labels, or a shape in its transparency alone; names the values found.
    """
    pixels, picture, _ = read_pixels(data, name)
    grey, values = _grey_levels(pixels)
    if len(values) <= 1 or values[-1] >= HALF * np.iinfo(grey.dtype).max // 255:
        if picture.mode == "P" and len(values) > 2 and _coloured(pixels):
            raise UserError(f"{name}: is a palette of {len(values)} labels: {_ADVICE}")
        if len(values) <= 1 and pixels.shape[2] in (2, 4) and np.ptp(pixels[..., -1]):
            raise UserError(f"{name}: holds a shape in its transparency alone: {_ADVICE}")
        return grey if grey.dtype == np.uint8 else np.rint(grey / 257).astype(np.uint8)
    if len(values) == 2 and values[0] == 0:
        return np.where(grey > 0, np.uint8(255), np.uint8(0))
    shown = ", ".join(str(value) for value in values[:SHOWN])
    more = ", ..." if len(values) > SHOWN else ""
    raise UserError(f"{name}: is nowhere white, its values are {shown}{more}: {_ADVICE}")


_ADVICE = "give a mask that is black, and white where to fill"


def _grey_levels(pixels: Shaped[np.ndarray, "h w c"]) -> tuple[np.ndarray, np.ndarray]:
    """Returns the grey levels of a picture on black, in its dtype, and the values among them."""
    most, channels = np.iinfo(pixels.dtype).max, pixels.shape[2]
    if channels < 3:
        grey = pixels[..., 0]
    else:  # ITU-R BT.601's weights, as Pillow rounds them
        red, green, blue = (pixels[..., i].astype(np.uint64) for i in range(3))
        grey = ((red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16).astype(pixels.dtype)
    if channels in (2, 4):
        opaque = pixels[..., -1].astype(np.float64) / most
        grey = np.rint(grey * opaque).astype(pixels.dtype)
    return grey, np.flatnonzero(np.bincount(grey.ravel(), minlength=1))


def _coloured(pixels: Shaped[np.ndarray, "h w c"]) -> bool:
    """Returns whether some pixel is not grey."""
    return pixels.shape[2] >= 3 and bool((np.ptp(pixels[..., :3], axis=2) > 0).any())
