"""Makes training examples out of pictures (GLCIC, section 3.5)."""

from collections.abc import Callable

import numpy as np

from glcic_jax.data.variations import leave_rim, vary_colours
from glcic_jax.pictures.resize import resize_shortest
from glcic_jax.runtime.errors import UserError
from glcic_jax.types import Hole, PixelImage

Frame = Callable[[PixelImage, np.random.Generator], PixelImage]
"""Cuts a square out of a picture."""


def random_crop(rng: np.random.Generator, image: PixelImage, size: int) -> PixelImage:
    """Returns a `size` x `size` square of the picture, placed uniformly."""
    top = rng.integers(0, image.shape[0] - size, endpoint=True)
    left = rng.integers(0, image.shape[1] - size, endpoint=True)
    return image[top : top + size, left : left + size]


def check_sizes(resize: tuple[int, int], crop: int) -> None:
    """Refuses crops that resized pictures might be too small for.

    Raises:
      UserError: `resize` is not a range, or `crop` exceeds its smaller end.
    """
    smallest, largest = resize
    if not 1 <= smallest <= largest:
        raise UserError(f"data.resize {tuple(resize)} is not a range of pixels")
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
    colours: bool = False,
) -> PixelImage:
    """Resizes a picture and cuts a square out of it, both at random.

    Args:
      image: uint8 RGB [h, w, 3].
      rng: the only source of randomness; the same state gives the same square.
      resize: the shortest edge becomes a uniform integer in this range of pixels, ends included.
      crop: the edge of the square, pixels.
      flip: whether to mirror half of the pictures, which the paper does not do.
      colours: whether to vary exposure and colours, which the paper does not do either.

    Returns:
      uint8 RGB [crop, crop, 3].
    """
    image = resize_shortest(image, int(rng.integers(*resize, endpoint=True)))
    image = random_crop(rng, image, crop)
    if flip and rng.random() < 0.5:
        image = image[:, ::-1]
    image = np.ascontiguousarray(image)
    return vary_colours(image, rng) if colours else image


def example(
    image: PixelImage,
    rng: np.random.Generator,
    *,
    frame: Frame,
    hole: Hole,
    leftovers: float | None = None,
) -> dict[str, np.ndarray]:
    """Makes an example: frames a picture, and draws two holes.

    Args:
      image: uint8 RGB [h, w, 3].
      rng: the only source of randomness; the same state gives the same example.
      frame: cuts a square of (image, rng).
      hole: draws a mask of (rng, height, width).
      leftovers: share of the examples whose hole misses a rim of what is to go; None = the example
        has no `given`.

    Returns:
      image: uint8 [crop, crop, 3]. mask, the hole M_c to be filled, and other_mask, an independent
      hole M_d that places the local patch of the real picture: uint8 [crop, crop, 1], 1 = hole.
      given: what the network is shown in place of the image, uint8 [crop, crop, 3].
    """
    image = frame(image, rng)
    height, width = image.shape[:2]
    made = {
        "image": image,
        "mask": hole(rng, height, width),
        "other_mask": hole(rng, height, width),
    }
    if leftovers is None:
        return made
    missed = rng.random() < leftovers
    return made | {"given": leave_rim(image, made["mask"], rng) if missed else image}
