"""Holes, drawn in the input pipeline with numpy: uint8 [h, w, 1], 1 = hole."""

import cv2
import numpy as np

from glcic_jax.types import PixelMask, UserError


def box(
    rng: np.random.Generator, height: int, width: int, *, shortest: int, longest: int
) -> PixelMask:
    """One rectangle, its sides drawn apart, uniform integers in [shortest, longest] pixels.

    It is placed uniformly, wholly inside (GLCIC, section 3.5).

    Raises:
      UserError: the sides are no range, or the longest does not fit.
    """
    if not 1 <= shortest <= longest:
        raise UserError(f"holes.shortest {shortest} and holes.longest {longest} are no range")
    _check_fit(longest, height, width, "holes.longest")
    rows, columns = rng.integers(shortest, longest, size=2, endpoint=True)
    top = rng.integers(0, height - rows, endpoint=True)
    left = rng.integers(0, width - columns, endpoint=True)
    mask = np.zeros((height, width, 1), np.uint8)
    mask[top : top + rows, left : left + columns] = 1
    return mask


def center(rng: np.random.Generator, height: int, width: int, *, size: int) -> PixelMask:
    """The same square of `size` pixels in the middle of every picture (GLCIC, section 4.1.2).

    Raises:
      UserError: the square does not fit.
    """
    del rng
    _check_fit(size, height, width, "holes.size")
    top, left = (height - size) // 2, (width - size) // 2
    mask = np.zeros((height, width, 1), np.uint8)
    mask[top : top + size, left : left + size] = 1
    return mask


def noise(
    rng: np.random.Generator,
    height: int,
    width: int,
    *,
    smallest_share: float,
    largest_share: float,
    cell: int,
) -> PixelMask:
    """Free-form blobs: coarse uniform noise, enlarged smoothly and thresholded.

    What the authors' release of 2020 was trained with: holes that cover 20 to 30 % of the picture.
    The share is drawn uniformly and the threshold set to meet it, so no draw is thrown away.

    Args:
      rng: the only source of chance.
      height: of the picture, pixels.
      width: of the picture, pixels.
      smallest_share: of the picture's pixels that the hole covers, above 0.
      largest_share: below 1.
      cell: pixels between two values of the coarse noise, hence the size of the blobs.

    Raises:
      UserError: the shares are no range.
    """
    if not 0 < smallest_share <= largest_share < 1:
        raise UserError(
            f"holes.smallest_share {smallest_share} and holes.largest_share {largest_share} "
            "are no range between 0 and 1"
        )
    share = rng.uniform(smallest_share, largest_share)
    coarse = rng.random((max(2, -(-height // cell)), max(2, -(-width // cell))), np.float32)
    fine = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).ravel()
    count = max(1, round(share * height * width))
    mask = np.zeros(height * width, np.uint8)
    mask[np.argpartition(fine, count)[:count]] = 1
    return mask.reshape(height, width, 1)


def _check_fit(size: int, height: int, width: int, field: str) -> None:
    if size > min(height, width):
        raise UserError(
            f"holes of up to {size} pixels do not fit a {width}x{height} crop: "
            f"lower {field} or raise data.crop"
        )


HOLES = {"box": box, "center": center, "noise": noise}
