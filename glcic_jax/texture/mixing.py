"""Mixes what was copied with its guide, more of the guide where that is as sharp."""

import cv2
import numpy as np
from jaxtyping import Bool, Float32

from glcic_jax.methods.procedural.poisson import surroundings

SHARE = 0.25
"""Part of the guide where it is blurred. It costs that part of the texture's contrast, which is
hardly seen, and brings every pixel nearer to the truth on average. docs/results.md has the curve
from 0 to 1: from about 0.3 on, ST-LPIPS in strokes is above PatchMatch's."""

STEEPNESS = 8
"""Power of the guide's gradients, as a part of the copies', that its further part grows with: at
nine tenths of them it is 0.43, at half of them nothing."""

NEIGHBOURHOOD = 2.0
"""Standard deviation in pixels of the neighbourhood whose gradients are compared."""

FAINT = 1 / 255
"""Gradient that is no edge, of differences two pixels apart: where all is smooth the copies are
taken, since networks leave faint patterns there."""

_MARGIN = 8
"""Pixels around holes that the gradients in them are computed from."""


def mix(
    guide: Float32[np.ndarray, "h w c"],
    copied: Float32[np.ndarray, "h w c"],
    hole: Bool[np.ndarray, "h w"],
) -> Float32[np.ndarray, "h w c"]:
    """Mixes copies with their guide.

    A guide that is the mean of what may be there is nearest to the truth, and blurred; copies are
    sharp, and farther from it. Of all mixtures of the two, straight lines between them lose least
    (Freirich, Michaeli, Meir 2021, for squared errors). Where the guide is as sharp as the copies
    there is nothing to gain by them: edges that it continues, thin holes, the rim of wide ones.

    Args:
      guide: in [0, 1], with the picture around the holes.
      copied: likewise.
      hole: what was filled.

    Returns:
      The mixture; outside the holes, what `copied` holds.
    """
    box = surroundings(hole, _MARGIN)
    sharpness = _gradients(guide[box]) / (_gradients(copied[box]) + np.float32(FAINT))
    share = SHARE + (1 - SHARE) * np.minimum(sharpness, 1) ** STEEPNESS
    share = np.where(hole[box], share, 0)[..., None]
    result = copied.copy()
    result[box] += share * (guide[box] - copied[box])
    return result


def _gradients(picture: Float32[np.ndarray, "h w c"]) -> Float32[np.ndarray, "h w"]:
    """Returns the root mean square of the gradients around each pixel."""
    grey = picture.mean(axis=2)
    across, down = (cv2.Sobel(grey, cv2.CV_32F, *way, ksize=1) for way in ((1, 0), (0, 1)))
    return np.sqrt(cv2.GaussianBlur(across**2 + down**2, (0, 0), NEIGHBOURHOOD))
