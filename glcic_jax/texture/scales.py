"""Makes the pictures of every scale that patches are matched at, from fine to coarse."""

from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Float32

Colours = Float32[np.ndarray, "h w 3"]

THINNEST = 8
"""Thickness in pixels of the holes at the coarsest scale, about that of a patch."""

SHORTEST = 24
"""Edge in pixels of the smallest scale."""

TEXTURE_SIGMA = 4.0
"""Standard deviation in pixels of the neighbourhood whose gradients make the texture there."""

WIDENED = (8, 16, 32, 64, 128, 256)
"""The same, of wider and wider neighbourhoods, for pixels deep in a hole."""

_FEW = 0.05
"""Part of a neighbourhood that must be known for its gradients to count."""


class Scale(NamedTuple):
    """Holds the pictures of one scale.

    Attributes:
      image: RGB in [0, 1]; in the hole, the guide.
      texture: mean absolute gradients, across and down; in the hole, those of its surroundings.
      hole: what is to be painted.
      barred: what is neither to be painted nor to be copied.
    """

    image: Colours
    texture: Float32[np.ndarray, "h w 2"]
    hole: Bool[np.ndarray, "h w"]
    barred: Bool[np.ndarray, "h w"]


def scales(
    image: Colours, hole: Bool[np.ndarray, "h w"], barred: Bool[np.ndarray, "h w"]
) -> list[Scale]:
    """Returns the scales, the finest first; each has half the height and width of the one before.

    A pixel is known, and may be copied, if all that it is the mean of is and may.

    Args:
      image: the picture with the guide in its hole.
      hole: what is to be painted.
      barred: what must not be copied.
    """
    found = [Scale(image, _texture(image, hole, barred), hole, barred)]
    for _ in range(_halvings(hole)):
        image, texture, hole, barred = found[-1]
        any_hole, any_barred = (_halved(mask.astype(np.float32)) > 0 for mask in (hole, barred))
        found.append(Scale(_halved(image), _halved(texture), any_hole, any_barred))
    return found


def depth(hole: Bool[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
    """Returns each pixel's distance from the nearest known one, in pixels."""
    return cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, 3)


def _halvings(hole: Bool[np.ndarray, "h w"]) -> int:
    thickness = 2 * depth(hole).max()
    wanted = int(np.ceil(np.log2(max(thickness / THINNEST, 1))))
    return min(wanted, max(int(np.log2(min(hole.shape) / SHORTEST)), 0))


def _halved(array: np.ndarray) -> np.ndarray:
    height, width = array.shape[:2]
    size = (width + 1) // 2, (height + 1) // 2
    return cv2.resize(array, size, interpolation=cv2.INTER_AREA)


def _texture(
    image: Colours, hole: Bool[np.ndarray, "h w"], barred: Bool[np.ndarray, "h w"]
) -> Float32[np.ndarray, "h w 2"]:
    """Returns the mean absolute gradients across and down (Newson et al. 2014, section 3.2).

    Those of known pixels alone: in the hole, where a guide is smoother than what is to come, they
    are those of the nearest known pixels, the farther from them the more of these.
    """
    usable = ~(hole | barred)
    grey = image.mean(axis=2)
    gradients = [np.abs(cv2.Sobel(grey, cv2.CV_32F, *way, ksize=1)) for way in ((1, 0), (0, 1))]
    # A gradient counts where both pixels that it is made of are known.
    known = cv2.erode(usable.astype(np.float32), np.ones((3, 3)))
    stacked = np.stack([*gradients, np.ones_like(grey)], axis=2) * known[..., None]
    found = np.zeros((*hole.shape, 2), np.float32)
    missing = np.ones_like(hole)
    for sigma in (TEXTURE_SIGMA, *WIDENED):
        sums = _blurred(stacked, sigma)
        share = sums[..., 2:]
        near = missing & (share[..., 0] > (_FEW if sigma < WIDENED[-1] else 1e-6))
        found[near] = (sums[..., :2] / np.maximum(share, 1e-6))[near]
        missing &= ~near
        if not missing.any():
            break
    return found


def _blurred(array: np.ndarray, sigma: float) -> np.ndarray:
    """Blurs by a Gaussian; by a wide one on a smaller picture, so that it takes no longer."""
    factor = max(int(sigma / TEXTURE_SIGMA), 1)
    height, width = array.shape[:2]
    size = -(-width // factor), -(-height // factor)
    small = cv2.resize(array, size, interpolation=cv2.INTER_AREA)
    blurred = cv2.GaussianBlur(small, (0, 0), sigma / factor)
    return cv2.resize(blurred, (width, height), interpolation=cv2.INTER_LINEAR)
