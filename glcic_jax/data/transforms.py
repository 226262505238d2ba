"""From a picture to a training example (GLCIC, section 3.5)."""

from collections.abc import Callable

import cv2
import numpy as np

from glcic_jax.types import PixelImage, PixelMask, UserError

Hole = Callable[[np.random.Generator, int, int], PixelMask]


def resize_shortest(image: PixelImage, edge: int) -> PixelImage:
    """Scales uint8 RGB [h, w, 3] so that the shortest edge has `edge` pixels, antialiased."""
    height, width = image.shape[:2]
    scale = edge / min(height, width)
    if scale == 1:
        return image
    # max: rounding must not leave the longer edge below the shorter
    size = (max(edge, round(width * scale)), max(edge, round(height * scale)))
    if scale >= 1:
        return cv2.resize(image, size, interpolation=cv2.INTER_CUBIC)
    if scale < 0.5:
        return cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return cv2.resize(_blurred(image, scale), size, interpolation=cv2.INTER_LINEAR)


def _blurred(image: PixelImage, scale: float) -> PixelImage:
    """Ready to be sampled by linear interpolation at 0.5 to 1 times the size, antialiased.

    Blur and interpolation together have the variance of a triangle filter as wide as the new
    pixels, which is what antialiased bilinear resizing is; a third of the time of area averaging.
    """
    side = (scale**-2 - 1) / 12  # weight of the two outer ones of three taps
    if side < 1e-3:
        return image
    sigma = np.sqrt(-0.5 / np.log(side / (1 - 2 * side)))
    return cv2.GaussianBlur(image, (3, 3), sigma)


def random_crop(rng: np.random.Generator, image: PixelImage, size: int) -> PixelImage:
    """A `size` x `size` square of the picture, placed uniformly."""
    top = rng.integers(0, image.shape[0] - size, endpoint=True)
    left = rng.integers(0, image.shape[1] - size, endpoint=True)
    return image[top : top + size, left : left + size]


def check_sizes(resize: tuple[int, int], crop: int) -> None:
    """Refuses crops that resized pictures might be too small for.

    Raises:
      UserError: `resize` is no range, or `crop` exceeds its smaller end.
    """
    smallest, largest = resize
    if not 1 <= smallest <= largest:
        raise UserError(f"data.resize {tuple(resize)} is no range of pixels")
    if crop > smallest:
        raise UserError(
            f"a crop of {crop} pixels does not fit pictures resized to a shortest edge of "
            f"{smallest} to {largest}: lower data.crop or raise data.resize"
        )


def example(
    image: PixelImage,
    rng: np.random.Generator,
    *,
    resize: tuple[int, int],
    crop: int,
    flip: bool,
    hole: Hole,
) -> dict[str, np.ndarray]:
    """Resizes, crops and draws two holes.

    Args:
      image: uint8 RGB [h, w, 3].
      rng: the only source of chance: the same numbers give the same example.
      resize: the shortest edge becomes a uniform integer of this range, ends included.
      crop: edge of the square, pixels.
      flip: mirror half of the pictures, which the paper does not.
      hole: draws a mask of (rng, height, width).

    Returns:
      image uint8 [crop, crop, 3]; mask (M_c, to be filled) and other_mask (M_d, drawn apart: it
      places the local patch of the real picture), uint8 [crop, crop, 1], 1 = hole.
    """
    image = resize_shortest(image, int(rng.integers(*resize, endpoint=True)))
    image = random_crop(rng, image, crop)
    if flip and rng.random() < 0.5:
        image = image[:, ::-1]
    return {
        "image": np.ascontiguousarray(image),
        "mask": hole(rng, crop, crop),
        "other_mask": hole(rng, crop, crop),
    }
