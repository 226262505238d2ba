"""Measures how far GLCIC's completions are from uncut pictures.

Eq. (2) of Iizuka et al. 2017 is the paper's. The mean absolute error in its place, and a term that
compares VGG16's features, are not: fills are sharper with them, and the paper's recipe has neither.
"""

from collections.abc import Callable
from dataclasses import dataclass

from jaxtyping import Array, Float

from glcic_jax.layers.ops import composite
from glcic_jax.methods.losses import Features, masked_l1, masked_mse, perceptual_loss
from glcic_jax.methods.network_state import device_mean
from glcic_jax.types import Image, Mask, Metrics

PAPER = "mse"

ERRORS = {PAPER: masked_mse, "l1": masked_l1}
"""What eq. (2) may be, by the names that `reconstruction` of the config may have."""


@dataclass(frozen=True)
class Reconstruction:
    """Computes the loss of phase 1, and the first term of phase 3.

    Attributes:
      error: a key of ERRORS.
      features: returns VGG16's features of pictures, finest first; None = they are not compared.
      perceptual_weight: weight of their distance.
    """

    error: str = PAPER
    features: Callable[[Image], Features] | None = None
    perceptual_weight: float = 0.0

    @property
    def metrics(self) -> tuple[str, ...]:
        """Returns the names of the metrics that are reported."""
        return (f"loss/{self.error}", *(["loss/perceptual"] if self.features else []))

    def __call__(self, output: Image, image: Image, mask: Mask) -> tuple[Float[Array, ""], Metrics]:
        """Returns the loss, and its parts without weights by their names in `metrics`.

        Both are means over all devices, so this runs inside shard_map.

        Args:
          output: the completion network's raw output, RGB in [0, 1], or a little beyond where the
            network adds to a smooth fill.
          image: the uncut pictures, RGB in [0, 1].
          mask: 1 = hole.
        """
        error = device_mean(ERRORS[self.error](output, image, mask))
        if self.features is None:
            return error, {self.metrics[0]: error}
        completed = composite(image, output, mask)
        distance = device_mean(perceptual_loss(self.features(completed), self.features(image)))
        parts = dict(zip(self.metrics, (error, distance), strict=True))
        return error + self.perceptual_weight * distance, parts
