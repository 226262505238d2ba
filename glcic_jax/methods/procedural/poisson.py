"""Blends a completion into its surroundings, by Poisson's equation (GLCIC, section 3.5).

Inside the hole the gradients of the network's output are kept, and its colours are changed so that
they meet the known pixels around it (Perez et al. 2003, normal cloning). OpenCV's `seamlessClone`
is not used: it fails for holes of one pixel, changes known pixels if there are several holes, and
blends holes at the picture's edge wrongly. The equation is solved exactly instead, for the hole's
pixels only. So known pixels never change, whatever the hole's shape.
"""

import cv2
import numpy as np
from jaxtyping import Bool, Float, Shaped
from scipy import sparse
from scipy.sparse.linalg import splu

from glcic_jax.runtime.errors import UserError
from glcic_jax.types import PixelImage

TELEA_RADIUS = 1
"""Radius in pixels of the fast marching fill."""

BLEND_MARGIN = 8
"""Width in pixels of the frame around the holes that is enough for both ways to blend."""


def blend(
    image: PixelImage,
    completed: PixelImage,
    mask: Shaped[np.ndarray, "h w"],
    *,
    method: str = "membrane",
) -> PixelImage:
    """Blends the hole's contents into its surroundings.

    Args:
      image: uint8 RGB [h, w, 3]. Its contents inside the hole are never read.
      completed: uint8 RGB [h, w, 3]. Its contents outside the hole are never read, since the
        network is not trained to reproduce known pixels.
      mask: [h, w], not 0 = hole. Holes may have any number, size and shape, and lie at the edge.
      method: where boundary values come from. "membrane": from the known pixels next to the hole.
        "telea", the paper's way: from a fast marching fill along the hole's rim.

    Returns:
      uint8 RGB [h, w, 3], equal to `image` outside the hole.

    Raises:
      UserError: the hole covers everything, or there is no such method.
    """
    if method not in BLENDS:
        raise UserError(f'blending "{method}" is unknown: choose {" or ".join(BLENDS)}')
    hole = mask != 0
    if hole.all():
        raise UserError("the mask covers the whole picture: there is nothing to blend into")
    if not hole.any():
        return image.copy()
    around = surroundings(hole, BLEND_MARGIN)  # all that the answer depends on
    near, inside = image[around], hole[around]
    emptied = np.where(inside[..., None], 0, near).astype(np.uint8)
    values, unknown = BLENDS[method](emptied, inside)
    solved = _poisson(values, completed[around].astype(np.float64), inside, unknown)
    result = image.copy()
    result[around][inside] = np.rint(np.clip(solved[inside], 0, 255)).astype(np.uint8)
    return result


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


def _membrane(
    emptied: PixelImage, hole: Bool[np.ndarray, "h w"]
) -> tuple[Float[np.ndarray, "h w 3"], Bool[np.ndarray, "h w"]]:
    """Returns boundary values and unknown pixels: all of the hole is unknown."""
    return emptied.astype(np.float64), hole


def _telea(
    emptied: PixelImage, hole: Bool[np.ndarray, "h w"]
) -> tuple[Float[np.ndarray, "h w 3"], Bool[np.ndarray, "h w"]]:
    """Returns boundary values and unknown pixels: the rim is filled, the rest is unknown."""
    filled = cv2.inpaint(emptied, hole.astype(np.uint8), TELEA_RADIUS, cv2.INPAINT_TELEA)
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    # The rim does not run along the picture's edge, since nothing is known beyond it.
    inside = cv2.erode(hole.astype(np.uint8), cross, borderValue=1) > 0
    return filled.astype(np.float64), inside


BLENDS = {"membrane": _membrane, "telea": _telea}
"""The ways to blend, by name. Each returns the values at the boundary, and which are unknown."""


def _poisson(
    values: Float[np.ndarray, "h w 3"],
    guide: Float[np.ndarray, "h w 3"],
    hole: Bool[np.ndarray, "h w"],
    unknown: Bool[np.ndarray, "h w"],
) -> Float[np.ndarray, "h w 3"]:
    """Solves for the unknown pixels by least squares over pairs of neighbours.

    The difference of two neighbours should be the guide's if both lie in the hole, and 0 across its
    boundary, where the guide cannot be trusted. There are no pairs across the picture's edge, which
    gives it the natural boundary condition.

    Args:
      values: known pixels.
      guide: the picture whose differences are kept.
      hole: where the guide is valid.
      unknown: pixels to solve for, a part of the hole.
    """
    count = int(unknown.sum())
    result = values.copy()
    if not count:
        return result
    # Number the unknown pixels; known ones are -1.
    number = np.full(hole.shape, -1, np.int64)
    number[unknown] = np.arange(count)
    # One equation for each unknown pixel: its number of neighbours times it, minus the unknown
    # ones among them, is the sum of the wanted differences and the known ones.
    degree = np.zeros(count)
    right = np.zeros((count, values.shape[2]))
    rows, columns = [], []
    for here, there in _neighbours():
        p, q = number[here], number[there]
        for a, b, first, second in ((p, q, here, there), (q, p, there, here)):
            is_unknown = a >= 0
            wanted = np.where(
                (hole[first] & hole[second])[..., None], guide[first] - guide[second], 0
            )
            known = np.where((b < 0)[..., None], values[second], 0)
            index = a[is_unknown]
            degree[index] += 1
            right[index] += (wanted + known)[is_unknown]
            both = is_unknown & (b >= 0)
            rows.append(a[both])
            columns.append(b[both])
    row, column = np.concatenate(rows), np.concatenate(columns)
    off_diagonal = sparse.csc_matrix((-np.ones(len(row)), (row, column)), (count, count))
    matrix = (sparse.diags(degree, format="csc") + off_diagonal).tocsc()
    # The matrix is symmetric and positive definite: no pivoting is needed. One factorisation
    # serves all channels.
    factors = splu(
        matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True}
    )
    result[unknown] = factors.solve(right)
    return result


def _neighbours() -> list[tuple[tuple[slice, slice], tuple[slice, slice]]]:
    """Returns each pixel with its right and its lower neighbour, as slices of the whole picture."""
    all_, first, last = slice(None), slice(None, -1), slice(1, None)
    return [((all_, first), (all_, last)), ((first, all_), (last, all_))]
