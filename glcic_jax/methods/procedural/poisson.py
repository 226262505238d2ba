"""Blends a completion into its surroundings, by Poisson's equation (GLCIC, section 3.5).

Inside the hole the gradients of the network's output are kept, and its colours are changed so that
they meet the known pixels around it (Perez et al. 2003, normal cloning). OpenCV's `seamlessClone`
is not used: it fails for holes of one pixel, changes known pixels if there are several holes, and
blends holes at the picture's edge wrongly. Instead the equation is solved here, for the hole's
pixels only. So known pixels never change, whatever the hole's shape.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Shaped

from glcic_jax.methods.procedural.multigrid import neighbour_sum, solve_poisson
from glcic_jax.runtime.errors import UserError

if TYPE_CHECKING:
    from glcic_jax.types import PixelImage  # which imports JAX

SMOOTH = "smooth"
"""The way to blend where none is named."""

TELEA_RADIUS = 1
"""Radius in pixels of the fast marching fill."""

TOLERANCE = 0.1
"""Grey levels, of 255, to which the equation is solved."""

BLEND_MARGIN = 8
"""Width in pixels of the frame around the holes that is enough for both ways to blend."""


def blend(
    image: PixelImage,
    completed: PixelImage,
    mask: Shaped[np.ndarray, "h w"],
    *,
    way: str = SMOOTH,
) -> PixelImage:
    """Blends the hole's contents into its surroundings.

    Args:
      image: uint8 RGB [h, w, 3]. Its contents inside the hole are never read.
      completed: uint8 RGB [h, w, 3]. Its contents outside the hole are never read, since the
        network is not trained to reproduce known pixels.
      mask: [h, w], not 0 = hole. Holes may have any number, size and shape, and lie at the edge.
      way: a key of BLENDS, where boundary values come from. "smooth": from the known pixels next
        to the hole. "paper": from a fast marching fill (Telea 2004) along the hole's rim, its
        outermost pixels; with these as boundary the rest is eq. (7) of Perez et al. 2003.

    Returns:
      uint8 RGB [h, w, 3], equal to `image` outside the hole.

    Raises:
      UserError: the hole covers everything, or there is no such way.
    """
    way_to_blend(way)
    hole = mask != 0
    if hole.all():
        raise UserError("the mask covers the whole picture: there is nothing to blend into")
    if not hole.any():
        return image.copy()
    around = surroundings(hole, BLEND_MARGIN)  # all that the answer depends on
    near, inside = image[around], hole[around]
    emptied = np.where(inside[..., None], 0, near).astype(np.uint8)
    values, unknown = BLENDS[way](emptied, inside)
    solved = _poisson(values, completed[around].astype(np.float32), inside, unknown)
    result = image.copy()
    result[around][inside] = np.rint(np.clip(solved[inside], 0, 255)).astype(np.uint8)
    return result


def way_to_blend(postprocess: bool | str) -> str | None:
    """Returns the key of BLENDS that a choice of post-processing means; None = no blending.

    Args:
      postprocess: a key of BLENDS; True = SMOOTH, False = none.

    Raises:
      UserError: there is no such way.
    """
    if not isinstance(postprocess, str):
        return SMOOTH if postprocess else None
    if postprocess not in BLENDS:
        raise UserError(f'post-processing "{postprocess}" is unknown: choose {" or ".join(BLENDS)}')
    return postprocess


def surroundings(hole: Bool[np.ndarray, "h w"], margin: int) -> tuple[slice, slice]:
    """Returns the smallest rectangle around all holes, widened by `margin` pixels on every side.

    It ends at the picture's edge.

    Returns:
      (rows, columns); empty slices if there is no hole.
    """
    spans = [np.flatnonzero(hole.any(axis=axis)) for axis in (1, 0)]
    if not len(spans[0]):
        return slice(0, 0), slice(0, 0)
    rows, columns = (
        slice(max(int(span[0]) - margin, 0), int(span[-1]) + 1 + margin) for span in spans
    )
    return rows, columns


def _smooth(
    emptied: PixelImage, hole: Bool[np.ndarray, "h w"]
) -> tuple[Float32[np.ndarray, "h w 3"], Bool[np.ndarray, "h w"]]:
    """Returns boundary values and unknown pixels: all of the hole is unknown."""
    return emptied.astype(np.float32), hole


def _paper(
    emptied: PixelImage, hole: Bool[np.ndarray, "h w"]
) -> tuple[Float32[np.ndarray, "h w 3"], Bool[np.ndarray, "h w"]]:
    """Returns boundary values and unknown pixels: the rim is filled, the rest is unknown."""
    filled = cv2.inpaint(emptied, hole.astype(np.uint8), TELEA_RADIUS, cv2.INPAINT_TELEA)
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    # The rim does not run along the picture's edge, since nothing is known beyond it.
    inside = cv2.erode(hole.astype(np.uint8), cross, borderValue=1) > 0
    return filled.astype(np.float32), inside


BLENDS = {SMOOTH: _smooth, "paper": _paper}
"""The ways to blend, by name. Each returns the values at the boundary, and which are unknown."""


def _poisson(
    values: Float32[np.ndarray, "h w 3"],
    guide: Float32[np.ndarray, "h w 3"],
    hole: Bool[np.ndarray, "h w"],
    unknown: Bool[np.ndarray, "h w"],
) -> Float32[np.ndarray, "h w 3"]:
    """Solves for the unknown pixels by least squares over pairs of neighbours.

    The difference of two neighbours should be the guide's if both lie in the hole, and 0 across its
    boundary, where the guide cannot be trusted. There are no pairs across the picture's edge, which
    gives it the natural boundary condition.

    Args:
      values: known pixels, 0 to 255.
      guide: the picture whose differences are kept.
      hole: where the guide is valid.
      unknown: pixels to solve for, a part of the hole.
    """
    if not unknown.any():
        return values.copy()
    # The solver sees the same pixels, and so gives the same result, however wide the frame is.
    box = surroundings(unknown, 1)
    inside = unknown[box]
    rim, outside = (part.astype(np.float32) for part in (hole[box] & ~inside, ~hole[box]))
    beside = neighbour_sum(outside)
    result = values.copy()
    for channel in range(values.shape[2]):
        # What is added to the guide is solved for: it is smooth, and small numbers suffice.
        known = values[box][..., channel]
        own = guide[box][..., channel]
        right = neighbour_sum(rim * (known - own)) + neighbour_sum(outside * known) - beside * own
        added = solve_poisson(inside, np.where(inside, right, 0), TOLERANCE)
        result[unknown, channel] = (own + added)[inside]
    return result
