"""Varies training examples beyond crop and flip: colours, and holes that miss a rim of a thing.

Neither is in the paper (GLCIC, section 3.5). Both make more of few photographs.
"""

import cv2
import numpy as np

from glcic_jax.types import PixelImage, PixelMask

GAIN = 1.3
"""The most that exposure is multiplied or divided by; a channel's own gain goes a third as far."""

GAMMA = 1.4
"""The largest exponent; the smallest is its inverse."""

SATURATION = (0.5, 1.4)
"""The range that saturation is multiplied by."""

PERMUTED = 0.15
"""Share of pictures whose channels change places."""

GREY = np.array([0.299, 0.587, 0.114])
"""Luma's shares of red, green and blue (ITU-R BT.601)."""

WIDEST_RIM = 6
"""The most pixels that a hole misses, if it misses as many on opposite sides. If it misses none on
one side, it misses up to twice as many on the other."""


def vary_colours(image: PixelImage, rng: np.random.Generator) -> PixelImage:
    """Returns a picture in other colours: exposure, contrast, saturation, white balance.

    Args:
      image: uint8 RGB [h, w, 3].
      rng: the only source of randomness.
    """
    gain = GAIN ** rng.uniform(-1, 1) * GAIN ** (rng.uniform(-1, 1, 3) / 3)
    saturation, gamma = rng.uniform(*SATURATION), GAMMA ** rng.uniform(-1, 1)
    mixing = saturation * np.eye(3) + (1 - saturation) * GREY
    if rng.random() < PERMUTED:
        mixing = mixing[rng.permutation(3)]
    curve = 255 * np.linspace(0, 1, 256) ** gamma
    mixed = cv2.transform(image, gain[:, None] * mixing)
    return cv2.LUT(mixed, np.rint(curve).astype(np.uint8))


def leave_rim(image: PixelImage, mask: PixelMask, rng: np.random.Generator) -> PixelImage:
    """Returns a picture in which a thing lies over the hole, and reaches beyond it on some sides.

    People who mark a thing miss its rim. A network that has seen such rims does not continue them
    into the hole. The thing here is another part of the same picture in other colours; its edge is
    soft, as edges in photographs are.

    Args:
      image: uint8 RGB [h, w, 3].
      mask: uint8 [h, w, 1], 1 = hole.
      rng: the only source of randomness.
    """
    reach = int(rng.integers(1, WIDEST_RIM, endpoint=True))
    anchor = tuple(int(place) for place in rng.integers(0, 2 * reach, 2, endpoint=True))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    thing = cv2.dilate(mask[..., 0], disc, anchor=anchor).astype(np.float32)
    share = cv2.GaussianBlur(thing, (0, 0), rng.uniform(0.3, 1.0))[..., None]
    height, width = image.shape[:2]
    shift = (int(rng.integers(height)), int(rng.integers(width)))
    other = np.roll(vary_colours(image, rng), shift, axis=(0, 1))
    return np.rint(image + share * (other.astype(np.float32) - image)).astype(np.uint8)
