"""How far a completion is from the truth, inside the hole. Numpy; one number per picture.

All take prediction and target, float32 RGB [b, h, w, 3] in [0, 1], and mask [b, h, w, 1], 1 = hole.
"""

import numpy as np
from jaxtyping import Float
from skimage.metrics import structural_similarity

Pictures = Float[np.ndarray, "b h w 3"]
Masks = Float[np.ndarray, "b h w 1"]


def hole_l1(prediction: Pictures, target: Pictures, mask: Masks) -> Float[np.ndarray, "b"]:
    """Mean absolute error over the hole's pixels and channels."""
    return _hole_mean(np.abs(prediction - target), mask)


def hole_psnr(prediction: Pictures, target: Pictures, mask: Masks) -> Float[np.ndarray, "b"]:
    """Peak signal to noise ratio over the hole's values, decibels, peak 1; at most 100."""
    error = _hole_mean(np.square(prediction - target), mask)
    return -10 * np.log10(np.maximum(error, 1e-10))


def hole_ssim(prediction: Pictures, target: Pictures, mask: Masks) -> Float[np.ndarray, "b"]:
    """Structural similarity (Wang et al. 2004), its map averaged over the hole's pixels.

    Gaussian window of sigma 1.5 (11 pixels), per channel, by scikit-image.
    """
    maps = [
        structural_similarity(
            a,
            b,
            data_range=1.0,
            channel_axis=-1,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            full=True,
        )[1]
        for a, b in zip(prediction, target, strict=True)
    ]
    return _hole_mean(np.stack(maps), mask)


def _hole_mean(values: Pictures, mask: Masks) -> Float[np.ndarray, "b"]:
    pixels = mask.sum(axis=(1, 2, 3), dtype=np.float64)
    if not pixels.all():
        raise ValueError("a mask is empty: there is no hole to score")
    return (values * mask).sum(axis=(1, 2, 3), dtype=np.float64) / (pixels * values.shape[-1])


METRICS = {"l1": hole_l1, "psnr": hole_psnr, "ssim": hole_ssim}
