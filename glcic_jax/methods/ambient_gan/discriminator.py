"""Builds the discriminator of AmbientGAN's measurements: a DCGAN's that sees the mask too."""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from glcic_jax.layers.precision import widened
from glcic_jax.layers.torch_layers import Convolution, Dense
from glcic_jax.types import Image, Mask

CHANNELS = (1, 2, 4, 8)
"""Channels of the four convolutions, in units of `width`."""

LEAK = 0.2
"""Slope of the rectifiers below 0 (Radford, Metz, Chintala, ICLR 2016)."""


class MeasurementDiscriminator(nn.Module):
    """Judges measured pictures: 5x5 stride-2 convolutions, leaky ReLU, a linear output.

    It has 4,316,353 parameters at width 64 with 64-pixel pictures. It has no batch norm: the
    gradient penalty is defined for each picture by itself.

    Attributes:
      width: channels of the first layer.
      dtype: precision of the arithmetic. Parameters are float32.
    """

    width: int = 64
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, image: Image, mask: Mask) -> Float[Array, "b"]:
        """Returns float32 values without bounds, higher for pictures that look real.

        Args:
          image: measured pictures in [0, 1], of the size that the weights were made for.
          mask: what the measurement hid, 1 = hidden. D needs it to judge contents, not shapes.
        """
        x = jnp.concatenate([image, mask], axis=-1)
        for number, factor in enumerate(CHANNELS, start=1):
            layer = Convolution(factor * self.width, 5, 2, dtype=self.dtype, name=f"layer{number}")
            x = nn.leaky_relu(layer(x), LEAK)
        values = Dense(1, self.dtype, name="head")(x.reshape(len(x), -1))
        return widened(values[:, 0])
