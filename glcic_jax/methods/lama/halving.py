"""Halves pictures and masks, as the refinement of LaMa's completions does.

After saicinpainting/evaluation/refinement.py of advimman/lama, whose names are in brackets.
"""

from functools import cache

import cv2
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from glcic_jax.types import Mask

EROSION = 15
"""Diameter in pixels of the ellipse by which the coarser copy's hole shrinks before outputs are
compared in it (ekernel)."""

BLUR = (5, 1.0)
"""Taps and deviation, in pixels, of the Gaussian before an image is halved (_pyrdown)."""

TOUCHED = 1e-8
"""Share of a hole from which on a pixel of a smaller copy is a hole (eps)."""


def halved(x: Float[Array, "b h w c"]) -> Float[Array, "b h/2 w/2 c"]:
    """Blurs pictures by a Gaussian and samples them, linearly, at half their height and width."""
    rows, columns = (_sampling(size) @ _blurring(size) for size in x.shape[1:3])
    return _by_axes(rows, columns, x)


def halved_mask(mask: Mask) -> Mask:
    """Returns the mask of a halved picture: 1 = a pixel of a hole has a share in it."""
    return (halved(mask) >= TOUCHED).astype(mask.dtype)


def eroded(mask: Mask) -> Mask:
    """Returns a mask at half its size, shrunk by the ellipse: 1 = deep inside a hole.

    What lies outside the picture counts as hole.
    """
    rows, columns = (_sampling(size) for size in mask.shape[1:3])
    known = _by_axes(rows, columns, 1 - mask)
    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (EROSION, EROSION))
    near = lax.conv_general_dilated(
        jnp.asarray(known > TOUCHED, jnp.float32),
        jnp.asarray(ellipse[..., None, None], jnp.float32),
        (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )  # fmt: skip
    return (near < 0.5).astype(mask.dtype)


def _by_axes(rows: np.ndarray, columns: np.ndarray, x: Array) -> Array:
    exact = lax.Precision.HIGHEST
    x = jnp.einsum("Hh,bhwc->bHwc", jnp.asarray(rows, x.dtype), x, precision=exact)
    return jnp.einsum("Ww,bHwc->bHWc", jnp.asarray(columns, x.dtype), x, precision=exact)


@cache
def _sampling(size: int) -> Float[np.ndarray, "n size"]:
    """Returns the matrix that samples `size` values, linearly, at half as many places."""
    half = size // 2
    places = (np.arange(half) + 0.5) * size / half - 0.5
    first = np.floor(places).astype(int)
    matrix = np.zeros((half, size))
    matrix[np.arange(half), first] += 1 - (places - first)
    matrix[np.arange(half), np.minimum(first + 1, size - 1)] += places - first
    return matrix


@cache
def _blurring(size: int) -> Float[np.ndarray, "size size"]:
    """Returns the matrix that blurs `size` values, mirrored at the ends without the outermost."""
    taps, deviation = BLUR
    reach = taps // 2
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation) ** 2)
    wide = np.pad(np.arange(size), reach, mode="reflect")
    matrix = np.zeros((size, size))
    for tap, weight in enumerate(weights / weights.sum()):
        matrix[np.arange(size), wide[tap : tap + size]] += weight
    return matrix
