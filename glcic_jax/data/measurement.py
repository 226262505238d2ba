"""Training on measurements: of a picture nothing is ever seen but what one measurement left of it.

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
"""What a measured picture holds in its hole: white."""


def measure_picture(
    image: PixelImage, mask: PixelMask, noise: float, rng: np.random.Generator
) -> PixelImage:
    """What a measurement leaves of a picture.

    Args:
      image: uint8 RGB [h, w, 3]. What it holds inside the hole is never read.
      mask: 1 = hole, which becomes white.
      noise: standard deviation of Gaussian noise on what is known, in the unit of pixels in [0, 1];
        0 for none. The sum is rounded and clipped.
      rng: draws the noise.
    """
    if noise:
        noisy = image + 255 * noise * rng.standard_normal(image.shape, np.float32)
        image = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
    return np.where(mask > 0, np.uint8(HIDDEN), image)


class MeasuredPictures:
    """The pictures of a collection, each framed and measured once, the same at every reading.

    Scale, crop, hole and noise are functions of the seed and the picture's number, not of the
    epoch: else epoch by epoch every pixel would show itself.
    """

    def __init__(
        self, source: Source, *, frame: Frame, hole: Hole, noise: float, seed: int
    ) -> None:
        """Takes the uncut pictures, which nobody else shall have.

        Raises:
          UserError: the noise is no standard deviation.
        """
        if not 0 <= noise < 1:
            raise UserError(f"data.measurement.noise is {noise}: choose 0, or a share below 1")
        self._source, self._frame, self._hole = source, frame, hole
        self._noise, self._seed = noise, seed

    def __len__(self) -> int:
        return len(self._source)

    def __getitem__(self, index: int) -> dict[str, np.ndarray]:
        """Measurement `index`: image uint8 [crop, crop, 3] and mask uint8 [crop, crop, 1]."""
        number, picture = self._source.find(index)  # a bad one's substitute is measured as itself
        rng = np.random.default_rng((self._seed, number))
        image = self._frame(picture, rng)
        mask = self._hole(rng, *image.shape[:2])
        return {"image": measure_picture(image, mask, self._noise, rng), "mask": mask}

    def known_mean(self, index: int) -> np.ndarray:
        """Mean RGB of what measurement `index` left, 0 to 255."""
        example = self[index]
        return example["image"][example["mask"][..., 0] == 0].mean(axis=0)


def with_fresh_hole(
    example: dict[str, np.ndarray], rng: np.random.Generator, *, hole: Hole
) -> dict[str, np.ndarray]:
    """The measurement, and as `other_mask` the hole of another one, drawn anew each time."""
    return example | {"other_mask": hole(rng, *example["image"].shape[:2])}
