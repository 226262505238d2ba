"""Measures pictures, so that training sees only one measurement of each and never the picture.

AmbientGAN (Bora, Price, Dimakis, ICLR 2018) learns from data that came incomplete: a block of
pixels is missing, or all but a patch, or each pixel with some probability, and the rest may be
noisy. Here what is missing is a hole of `config.holes`.
"""

import numpy as np

from glcic_jax.data.collection import Source
from glcic_jax.data.transforms import Frame
from glcic_jax.runtime.errors import UserError
from glcic_jax.types import Hole, PixelImage, PixelMask

HIDDEN = 255
"""The value of all pixels in the hole of a measured picture: white."""


def measure_picture(
    image: PixelImage, mask: PixelMask, noise: float, rng: np.random.Generator
) -> PixelImage:
    """Measures a picture: hides the pixels in the hole, and adds noise to the others.

    Args:
      image: uint8 RGB [h, w, 3]. The pixels inside the hole have no influence.
      mask: uint8 [h, w, 1], 1 = hole, which becomes white.
      noise: standard deviation of Gaussian noise on the known pixels, for pixels in [0, 1]; 0 for
        none. The sum is rounded and clipped.
      rng: source of the noise.

    Returns:
      uint8 RGB [h, w, 3].
    """
    if noise:
        noisy = image + 255 * noise * rng.standard_normal(image.shape, np.float32)
        image = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
    return np.where(mask > 0, np.uint8(HIDDEN), image)


class MeasuredPictures:
    """Frames and measures each picture of a collection once; the result is always the same.

    Scale, crop, hole and noise depend on the seed and on the picture's number, but not on the
    epoch. Otherwise every pixel would be visible in some epoch.
    """

    def __init__(
        self, source: Source, *, frame: Frame, hole: Hole, noise: float, seed: int
    ) -> None:
        """Checks the noise; reads nothing.

        Args:
          source: holds the whole pictures. Nothing else may read them: training must see
            measurements only.
          frame: cuts a square of (image, rng).
          hole: draws a mask of (rng, height, width).
          noise: as in `measure_picture`.
          seed: of scales, crops, holes and noise.

        Raises:
          UserError: `noise` is below 0, or not below 1.
        """
        if not 0 <= noise < 1:
            raise UserError(f"data.measurement.noise is {noise}: choose 0, or a share below 1")
        self._source, self._frame, self._hole = source, frame, hole
        self._noise, self._seed = noise, seed

    def __len__(self) -> int:
        return len(self._source)

    def __getitem__(self, index: int) -> dict[str, np.ndarray]:
        """Returns measurement `index`: image uint8 [crop, crop, 3], mask uint8 [crop, crop, 1]."""
        number, picture = self._source.find(index)
        # Seeded by `number`: the replacement of a bad picture has one measurement too.
        rng = np.random.default_rng((self._seed, number))
        image = self._frame(picture, rng)
        mask = self._hole(rng, *image.shape[:2])
        return {"image": measure_picture(image, mask, self._noise, rng), "mask": mask}

    def known_mean(self, index: int) -> np.ndarray:
        """Returns the mean of the known pixels of measurement `index`, RGB from 0 to 255."""
        example = self[index]
        return example["image"][example["mask"][..., 0] == 0].mean(axis=0)


def with_fresh_hole(
    example: dict[str, np.ndarray], rng: np.random.Generator, *, hole: Hole
) -> dict[str, np.ndarray]:
    """Returns a measurement with an `other_mask`: the hole of another one, new each time."""
    return example | {"other_mask": hole(rng, *example["image"].shape[:2])}
