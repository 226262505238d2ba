"""Metrics of how far completions are from the truth. Numpy; one number per picture.

Every metric is a function (prediction, target, mask) -> [b]. It takes float32 RGB [b, h, w, 3] in
[0, 1], rounded to the 256 levels of a file, and masks [b, h, w, 1] with 1 = hole. It returns NaN
for a picture for which it is not defined (too small for its scales, or with a hole that has no
known pixel beside it), and that picture is left out of the mean. docs/evaluation.md has the
formulas.
"""

from glcic_jax.metrics.pixels import hole_l1, hole_l2, hole_psnr, l1, l2, psnr, seam
from glcic_jax.metrics.similarity import hole_ssim, ms_ssim, ssim

METRICS = {
    "hole_l1": hole_l1,
    "hole_l2": hole_l2,
    "l1": l1,
    "l2": l2,
    "psnr": psnr,
    "hole_psnr": hole_psnr,
    "ssim": ssim,
    "hole_ssim": hole_ssim,
    "ms_ssim": ms_ssim,
    "seam": seam,
}
"""The metrics by name. A new one gets a line here."""

HELD_OUT = {"l1": hole_l1, "psnr": hole_psnr, "ssim": hole_ssim}
"""What training reports: all three in the hole, since a network's work is seen only there."""
