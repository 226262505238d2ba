"""The discriminator of AmbientGAN's measurements: a DCGAN's, on the picture and what hides it."""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from glcic_jax.layers.precision import widened
from glcic_jax.layers.torch_layers import Convolution, Dense
from glcic_jax.types import Image, Mask

CHANNELS = (1, 2, 4, 8)
"""Of the four convolutions, in units of `width`."""


class MeasurementDiscriminator(nn.Module):
    """Judges measured pictures: 5x5 stride-2 convolutions, leaky ReLU 0.2, a linear output.

    4,321,409 parameters at width 64 with 64-pixel pictures. No batch norm: the gradient penalty
    holds for each picture apart.

    Attributes:
      width: channels of the first layer.
      dtype: of the arithmetic; parameters are float32.
    """

    width: int = 64
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, image: Image, mask: Mask) -> Float[Array, "b"]:
        """Values without bounds, higher for pictures taken to be real.

        Args:
          image: measured pictures in [0, 1], of the size that the weights were made for.
          mask: what the measurement hid. Seen beside the picture, its shape gives nothing away.
        """
        x = jnp.concatenate([image, mask], axis=-1)
        for number, factor in enumerate(CHANNELS, start=1):
            layer = Convolution(factor * self.width, 5, 2, dtype=self.dtype, name=f"layer{number}")
            x = nn.leaky_relu(layer(x), 0.2)
        values = Dense(1, self.dtype, name="head")(x.reshape(len(x), -1))
        return widened(values[:, 0])
