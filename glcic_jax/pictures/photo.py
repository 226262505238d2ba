"""A photograph with all that its file knew of it, to be filled and written back as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Shaped

if TYPE_CHECKING:
    from glcic_jax.types import PixelImage


class Photo(NamedTuple):
    """One photograph, upright.

    pixels: uint8 or uint16 [h, w, c]: grey (c = 1), grey and alpha (2), RGB (3), RGB and alpha (4).
        Colours are not multiplied by alpha.
    kind: as Pillow names it: JPEG, PNG, WEBP, TIFF, ...
    profile: ICC profile.
    exif: EXIF block, without the orientation, which `pixels` have taken up, and without the
        thumbnail, which would go on showing what was removed; b"" = none.
    dpi: pixels per inch, across and down.
    encoding: what Pillow must be told to write this kind of file as this one was written.
    lossy: the file kept its pixels only nearly.
    """

    pixels: Shaped[np.ndarray, "h w c"]
    kind: str
    profile: bytes | None = None
    exif: bytes = b""
    dpi: tuple[float, float] | None = None
    encoding: dict[str, Any] = {}  # noqa: RUF012 never changed
    lossy: bool = False

    @property
    def colours(self) -> int:
        """Channels that are no alpha: 1 or 3."""
        return 1 if self.pixels.shape[2] < 3 else 3

    @property
    def deep(self) -> bool:
        """16 bits per channel."""
        return self.pixels.dtype == np.uint16

    @property
    def alpha(self) -> Shaped[np.ndarray, "h w"] | None:
        """Opacity, of the dtype of `pixels`; None without."""
        return self.pixels[..., -1] if self.pixels.shape[2] in (2, 4) else None


def shown(photo: Photo) -> PixelImage:
    """What a network is given: uint8 RGB [h, w, 3], transparent parts laid on white."""
    most = np.iinfo(photo.pixels.dtype).max
    colour = photo.pixels[..., : photo.colours]
    if photo.alpha is not None:
        opacity = photo.alpha[..., None].astype(np.float32) / most
        colour = colour * opacity + most * (1 - opacity)
    if colour.dtype != np.uint8:
        colour = np.rint(colour * np.float32(255 / most)).astype(np.uint8)
    return np.repeat(colour, 3, axis=2) if photo.colours == 1 else np.ascontiguousarray(colour)


def fill(photo: Photo, completed: PixelImage, hole: Bool[np.ndarray, "h w"]) -> Photo:
    """The photograph with the completed colours in its holes; all else, and alpha, as it was.

    16-bit ones take 257 times the 8-bit values, grey ones their luminance.
    """
    colour = completed[hole]
    if photo.colours == 1:
        weights = np.array([0.299, 0.587, 0.114], np.float32)
        colour = np.rint(colour @ weights).astype(np.uint8)[:, None]
    pixels = photo.pixels.copy()
    pixels[hole, : photo.colours] = colour.astype(pixels.dtype) * (257 if photo.deep else 1)
    return photo._replace(pixels=pixels)
