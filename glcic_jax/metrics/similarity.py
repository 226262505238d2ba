"""Computes structural similarity (Wang et al. 2004). glcic_jax.metrics states what it takes."""

import cv2
import numpy as np
from jaxtyping import Float

from glcic_jax.metrics.pixels import Masks, Pictures, Scores, hole_mean

RADIUS, SIGMA = 5, 1.5
"""Radius and deviation of the Gaussian window in pixels: 11 x 11 (Wang et al. 2004)."""

LUMINANCE, CONTRAST = 0.01**2, 0.03**2
"""The constants C1 and C2 for values in [0, 1] (Wang et al. 2004)."""

SCALE_WEIGHTS = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])
"""Exponents of MS-SSIM from the finest scale to the coarsest (Wang et al. 2003)."""

SMALLEST_MS_SSIM = (2 * RADIUS + 1) * 2 ** (len(SCALE_WEIGHTS) - 1)
"""Smallest edge in pixels of which the coarsest scale still holds a whole window: 176."""

Map = Float[np.ndarray, "h w 3"]


def ssim(prediction: Pictures, target: Pictures, mask: Masks) -> Scores:
    """Returns SSIM over all windows inside the picture, as scikit-image's with gaussian_weights.

    NaN for pictures narrower than a window.
    """
    del mask
    return np.array([_mean(_maps(a, b)[0]) for a, b in zip(prediction, target, strict=True)])


def hole_ssim(prediction: Pictures, target: Pictures, mask: Masks) -> Scores:
    """Returns the map of SSIM averaged over the hole. Pictures are mirrored at their edges."""
    maps = [_maps(a, b)[0] for a, b in zip(prediction, target, strict=True)]
    return hole_mean(np.stack(maps), mask)


def ms_ssim(prediction: Pictures, target: Pictures, mask: Masks) -> Scores:
    """Returns SSIM over five scales (Wang, Simoncelli, Bovik 2003), the mean of the channels.

    A pixel of one scale is the mean of 2 x 2 pixels of the finer one. Negative terms count as 0.
    NaN for pictures whose shortest edge is below 176 pixels.
    """
    del mask
    return np.array([_ms_ssim(a, b) for a, b in zip(prediction, target, strict=True)])


def _ms_ssim(prediction: Map, target: Map) -> float:
    if min(prediction.shape[:2]) < SMALLEST_MS_SSIM:
        return np.nan
    product = np.ones(3)
    for scale, weight in enumerate(SCALE_WEIGHTS):
        if scale:
            prediction, target = _halved(prediction), _halved(target)
        both, structure = _maps(prediction, target)
        last = scale == len(SCALE_WEIGHTS) - 1
        term = _inner(both if last else structure).mean(axis=(0, 1))
        product *= np.maximum(term, 0) ** weight
    return float(product.mean())


def _halved(picture: Map) -> Map:
    height, width = (n // 2 for n in picture.shape[:2])
    even = picture[: 2 * height, : 2 * width]
    return even.reshape(height, 2, width, 2, 3).mean(axis=(1, 3))


def _inner(values: Map) -> Map:
    """Cuts off the rim, where the window leaves the picture."""
    return values[RADIUS:-RADIUS, RADIUS:-RADIUS]


def _mean(values: Map) -> float:
    inner = _inner(values)
    return float(inner.mean()) if inner.size else np.nan


def _maps(prediction: Map, target: Map) -> tuple[Map, Map]:
    """Returns SSIM at every pixel, and its contrast and structure part alone.

    scikit-image returns only the first, and takes three times as long. Computed in float32; the
    difference to scikit-image is at most 2e-5.
    """
    a, b = prediction.astype(np.float32), target.astype(np.float32)
    mean_a, mean_b = _blur(a), _blur(b)
    variance_a, variance_b = _blur(a * a) - mean_a**2, _blur(b * b) - mean_b**2
    covariance = _blur(a * b) - mean_a * mean_b
    structure = (2 * covariance + CONTRAST) / (variance_a + variance_b + CONTRAST)
    luminance = (2 * mean_a * mean_b + LUMINANCE) / (mean_a**2 + mean_b**2 + LUMINANCE)
    return luminance * structure, structure


def _blur(values: Map) -> Map:
    size = (2 * RADIUS + 1,) * 2
    return cv2.GaussianBlur(values, size, SIGMA, borderType=cv2.BORDER_REFLECT)
