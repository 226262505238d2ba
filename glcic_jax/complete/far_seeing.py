"""Completes large pictures by networks that look at all of a picture: scaled, or in windows.

No part of a picture gives such a network what it would see in the whole, so both ways are
approximations, and the user's choice. Needs no JAX.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Bool

from glcic_jax.complete.fixed_size import squares
from glcic_jax.complete.large_pictures import LONGEST_WINDOW
from glcic_jax.complete.thick_holes import enlarged, reduced
from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.stages import stage

if TYPE_CHECKING:
    from glcic_jax.types import PixelImage

FillPart = Callable[["PixelImage", Bool[np.ndarray, "h w"]], "PixelImage"]
"""(picture, hole) -> completed picture, of any size."""

WHOLE = "whole"
"""The way by which a network is given pictures as they are, whatever their size."""

LEAST = 64
"""Pixels that the longest edge of what a network is given may be at least."""


def fill_scaled(
    image: PixelImage, hole: Bool[np.ndarray, "h w"], largest: int, fill: FillPart
) -> PixelImage:
    """Fills holes from a smaller copy of the picture, which is enlarged again.

    A hole so thin that each pixel of the copy is known at least by half is not shown to the
    network; the copy, enlarged, fills it with the mean of what surrounds it.

    Args:
      image: uint8 RGB [h, w, 3]. What it holds inside the holes is not read.
      hole: True = to be filled, but not everywhere.
      largest: longest edge, in pixels, of what `fill` is given. A picture of up to so many is given
        as it is.
      fill: fills the holes of a picture.

    Returns:
      uint8 [h, w, 3]; known pixels are the input's, bit for bit.
    """
    longest = max(hole.shape)
    if longest <= largest:
        return fill(image, hole)
    small, small_hole = reduced(image, hole, largest / longest)
    if small_hole.any():
        small = fill(small, small_hole)
    return np.where(hole[..., None], enlarged(small, hole), image)


def fill_around(
    image: PixelImage, hole: Bool[np.ndarray, "h w"], largest: int, fill: FillPart
) -> PixelImage:
    """Fills each group of holes from a window around it, and nothing else.

    Holes closer than a quarter of `largest` share a window. It is a square of `largest` pixels, or
    twice as long as the longest edge of its holes, within the picture; if it is larger than
    `largest`, it is scaled as by `fill_scaled`. So on every side of the holes there is at least a
    quarter of `largest`, or what the picture has.

    Args:
      image: as in `fill_scaled`.
      hole: as in `fill_scaled`.
      largest: as in `fill_scaled`.
      fill: as in `fill_scaled`.

    Returns:
      uint8 [h, w, 3]; known pixels are the input's, bit for bit.
    """
    completed = image.copy()
    parts = squares(hole, largest)
    for number, part in enumerate(parts, start=1):
        stage("filling", number, len(parts))
        seen = tuple(
            slice(max(first, 0), min(first + part.edge, size))
            for first, size in zip((part.top, part.left), hole.shape, strict=True)
        )
        within = tuple(
            slice(side.start - outer.start, side.stop - outer.start)
            for side, outer in zip(part.box, seen, strict=True)
        )
        filled = fill_scaled(image[seen], hole[seen], largest, fill)[within]
        completed[part.box] = np.where(part.hole[..., None], filled, completed[part.box])
    return completed


WAYS = {WHOLE: None, "scale": fill_scaled, "window": fill_around}
"""The ways by which a network that looks at all of a picture can be given large ones."""


class Large(NamedTuple):
    """Holds how a network is given pictures that are longer than it should see.

    Attributes:
      largest: the longest edge, in pixels, of what it is given.
      way: `fill_scaled` or `fill_around`.
    """

    largest: int
    way: Callable[[PixelImage, Bool[np.ndarray, "h w"], int, FillPart], PixelImage]

    def fill(self, image: PixelImage, hole: Bool[np.ndarray, "h w"], fill: FillPart) -> PixelImage:
        """Fills the holes of a picture that is longer than `largest`, by parts given to `fill`."""
        return self.way(image, hole, self.largest, fill)


def check_large(way: str | None, largest: int | None) -> Large | None:
    """Returns how a network is given large pictures; None = as they are.

    Args:
      way: a key of WAYS; None = no way is named, which is WHOLE.
      largest: as in Large; LONGEST_WINDOW by default.

    Raises:
      UserError: no such way, or a `largest` that it has no use for or that is too small.
    """
    if way is not None and way not in WAYS:
        raise UserError(f"large {way}: choose {WHOLE}, scale or window")
    fill = None if way is None else WAYS[way]
    if fill is None:
        if largest is not None:
            raise UserError(f"largest {largest} is for large scale or window: name one of these")
        return None
    if largest is None:
        return Large(LONGEST_WINDOW, fill)
    if not isinstance(largest, int | np.integer) or largest < LEAST:
        raise UserError(f"largest {largest}: choose {LEAST} pixels or more")
    return Large(largest, fill)


def check_refine(refine: bool | int) -> None:
    """Refuses what is no edge of a picture that completions could be refined from.

    Raises:
      UserError: a number below LEAST, or something else.
    """
    whole = isinstance(refine, int | np.integer)
    if not whole or not (refine is True or refine is False or refine >= LEAST):
        raise UserError(f"refine {refine}: choose {LEAST} pixels or more, or give no number")
