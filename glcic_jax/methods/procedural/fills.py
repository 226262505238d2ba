"""Fills without training, for every comparison.

All take float32 RGB [b, h, w, 3] in [0, 1] and masks [b, h, w, 1], 1 = hole, as numpy arrays, and
return float32 [b, h, w, 3]. Known pixels stay as they are. The hole's contents are never read.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from glcic_jax.methods.procedural.poisson import blend
from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.extras import naming_extras

if TYPE_CHECKING:
    from glcic_jax.types import PixelImage  # which imports JAX

Pictures = Float[np.ndarray, "b h w 3"]
Masks = Float[np.ndarray, "b h w 1"]

OPENCV_RADIUS = 3
"""Radius in pixels of the neighbourhood that OpenCV's fills look at."""

PATCH_RADIUS = 3
"""Radius in pixels of the patches that pypatchmatch compares."""


def in_bytes(
    fill: Callable[[Pictures, Masks], Pictures],
    images: UInt8[np.ndarray, "b h w 3"],
    holes: Bool[np.ndarray, "b h w"],
) -> UInt8[np.ndarray, "b h w 3"]:
    """Fills uint8 RGB pictures by a function of arrays in [0, 1], such as those of FILLS."""
    mask = holes[..., None].astype(np.float32)
    return np.rint(fill(images.astype(np.float32) / 255, mask) * 255).astype(np.uint8)


def mean_fill(image: Pictures, mask: Masks, *, mean_pixel: tuple[float, float, float]) -> Pictures:
    """Paints the hole in one colour, the training set's mean (RGB in [0, 1])."""
    return np.where(mask > 0, np.asarray(mean_pixel, np.float32), image)


def _each(
    image: Pictures,
    mask: Masks,
    *,
    fill: Callable[[PixelImage, Bool[np.ndarray, "h w"]], np.ndarray],
) -> Pictures:
    """Gives `fill` one uint8 picture at a time, its hole black."""
    pixels = np.rint(np.where(mask > 0, 0, image) * 255).astype(np.uint8)
    filled = [fill(*pair) for pair in zip(pixels, mask[..., 0] > 0, strict=True)]
    return np.where(mask > 0, np.stack(filled).astype(np.float32) / 255, image)


def _opencv(image: PixelImage, hole: Bool[np.ndarray, "h w"], *, flag: int) -> PixelImage:
    return cv2.inpaint(image, hole.astype(np.uint8), OPENCV_RADIUS, flag)


def _mean(image: PixelImage, hole: Bool[np.ndarray, "h w"]) -> np.ndarray:
    return np.broadcast_to(image[~hole].mean(axis=0), image.shape)


def _laplace(image: PixelImage, hole: Bool[np.ndarray, "h w"]) -> PixelImage:
    return blend(image, np.zeros_like(image), hole)


def _biharmonic(image: PixelImage, hole: Bool[np.ndarray, "h w"]) -> np.ndarray:
    with naming_extras():
        from skimage.restoration import inpaint_biharmonic

    return 255 * np.clip(inpaint_biharmonic(image, hole, channel_axis=-1), 0, 1)


def _pypatchmatch(image: PixelImage, hole: Bool[np.ndarray, "h w"]) -> PixelImage:
    try:
        from patchmatch import patch_match  # pyright: ignore[reportMissingImports] - an extra
    except ImportError as error:
        raise UserError("pypatchmatch needs its package: pip install pypatchmatch") from error
    # Every call starts from the package's default seed, so equal pictures get equal fills.
    return patch_match.inpaint(image, hole, patch_size=PATCH_RADIUS)


known_mean = partial(_each, fill=_mean)
"""Paints the hole in the mean colour of the picture's known pixels."""

telea = partial(_each, fill=partial(_opencv, flag=cv2.INPAINT_TELEA))
"""Fills by fast marching (Telea 2004), by OpenCV."""

navier_stokes = partial(_each, fill=partial(_opencv, flag=cv2.INPAINT_NS))
"""Fills by the Navier-Stokes equations (Bertalmio et al. 2001), by OpenCV."""

laplace = partial(_each, fill=_laplace)
"""Stretches a membrane between the known pixels: each pixel is the mean of its four neighbours."""

biharmonic = partial(_each, fill=_biharmonic)
"""Bends a thin plate (Damelin and Hoang 2018), by scikit-image. Slow for holes over 100 pixels."""

pypatchmatch = partial(_each, fill=_pypatchmatch)
"""Copies patches of the known part (Barnes et al. 2009), by the optional package pypatchmatch."""

FILLS = {
    "mean": known_mean,
    "telea": telea,
    "navier_stokes": navier_stokes,
    "laplace": laplace,
    "biharmonic": biharmonic,
    "pypatchmatch": pypatchmatch,
}
"""The fills by name, as in `--methods` of glcic_jax.evaluate."""
