"""How far a completion is from the truth. Numpy; one number per picture.

Every metric is f(prediction, target, mask) -> [b]; it takes float32 RGB [b, h, w, 3] in [0, 1],
rounded to the 256 levels of a file, and masks [b, h, w, 1] with 1 = hole. A picture for which a
metric is not defined (too small for its scales, a hole without a known pixel beside it) gets NaN
and is left out of the mean. docs/evaluation.md has the formulas.
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

HELD_OUT = {"l1": hole_l1, "psnr": hole_psnr, "ssim": hole_ssim}
"""What training reports: all three inside the hole, where alone a network's work is seen."""
