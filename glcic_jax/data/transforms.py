"""From a picture to a training example (GLCIC, section 3.5)."""

from collections.abc import Callable

import numpy as np

from glcic_jax.pictures.resize import resize_shortest
from glcic_jax.runtime.errors import UserError
from glcic_jax.types import Hole, PixelImage

Frame = Callable[[PixelImage, np.random.Generator], PixelImage]


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


def framed(
    image: PixelImage,
    rng: np.random.Generator,
    *,
    resize: tuple[int, int],
    crop: int,
    flip: bool,
) -> PixelImage:
    """Resizes and crops.

    Args:
      image: uint8 RGB [h, w, 3].
      rng: the only source of chance: the same numbers give the same square.
      resize: the shortest edge becomes a uniform integer of this range, ends included.
      crop: edge of the square, pixels.
      flip: mirror half of the pictures, which the paper does not.
    """
    image = resize_shortest(image, int(rng.integers(*resize, endpoint=True)))
    image = random_crop(rng, image, crop)
    if flip and rng.random() < 0.5:
        image = image[:, ::-1]
    return np.ascontiguousarray(image)


def example(
    image: PixelImage, rng: np.random.Generator, *, frame: Frame, hole: Hole
) -> dict[str, np.ndarray]:
    """Frames a picture and draws two holes.

    Args:
      image: uint8 RGB [h, w, 3].
      rng: the only source of chance: the same numbers give the same example.
      frame: cuts a square of (image, rng).
      hole: draws a mask of (rng, height, width).

    Returns:
      image uint8 [crop, crop, 3]; mask (M_c, to be filled) and other_mask (M_d, drawn apart: it
      places the local patch of the real picture), uint8 [crop, crop, 1], 1 = hole.
    """
    image = frame(image, rng)
    height, width = image.shape[:2]
    return {
        "image": image,
        "mask": hole(rng, height, width),
        "other_mask": hole(rng, height, width),
    }
