"""Holds a photograph with all that its file held, to be filled and written back as it was."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Shaped


class Photo(NamedTuple):
    """Holds one photograph, upright.

    Attributes:
      pixels: uint8 or uint16 [h, w, c]: grey (c = 1), grey and alpha (2), RGB (3), RGB and alpha
        (4). Colours are not multiplied by alpha.
      kind: the format as Pillow names it: JPEG, PNG, WEBP, TIFF, ...
      profile: the ICC profile; None = none.
      exif: the EXIF block; b"" = none. It has no orientation, since `pixels` are upright, and no
        thumbnail, which would still show what was removed.
      dpi: pixels per inch, across and down; None = unknown.
      encoding: Pillow's options that write this kind of file as this one was written.
      lossy: whether the file's compression changes pixels.
    """

    pixels: Shaped[np.ndarray, "h w c"]
    kind: str
    profile: bytes | None = None
    exif: bytes = b""
    dpi: tuple[float, float] | None = None
    encoding: dict[str, Any] = {}  # noqa: RUF012 - never changed
    lossy: bool = False

    @property
    def colours(self) -> int:
        """Returns the number of channels without alpha: 1 or 3."""
        return 1 if self.pixels.shape[2] < 3 else 3

    @property
    def deep(self) -> bool:
        """Returns whether there are 16 bits per channel."""
        return self.pixels.dtype == np.uint16

    @property
    def alpha(self) -> Shaped[np.ndarray, "h w"] | None:
        """Returns the opacity, in the dtype of `pixels`; None if there is none."""
        return self.pixels[..., -1] if self.pixels.shape[2] in (2, 4) else None


def fill_holes(
    photo: Photo, completed: Shaped[np.ndarray, "h w k"], hole: Bool[np.ndarray, "h w"]
) -> Photo:
    """Puts completed colours into the holes of a photograph. All else, alpha too, stays as it was.

    Args:
      photo: the photograph.
      completed: colours of the photograph's own depth and number, [h, w, 1 or 3]; or uint8 RGB
        [h, w, 3], of which a 16-bit photograph takes 257 times the values, a grey one the
        luminance.
      hole: True = to be filled.
    """
    colour = completed[hole]
    if photo.colours == 1 and colour.shape[1] == 3:
        weights = np.array([0.299, 0.587, 0.114], np.float32)
        colour = np.rint(colour @ weights).astype(colour.dtype)[:, None]
    pixels = photo.pixels.copy()
    factor = 257 if photo.deep and colour.dtype == np.uint8 else 1
    pixels[hole, : photo.colours] = colour.astype(pixels.dtype) * factor
    return photo._replace(pixels=pixels)
