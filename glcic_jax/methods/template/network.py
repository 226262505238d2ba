"""A small U-Net (Ronneberger, Fischer and Brox 2015), the network of methods/template.py."""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from glcic_jax.layers.precision import widened
from glcic_jax.layers.torch_layers import Convolution, Deconvolution
from glcic_jax.types import Image

LEVELS = 3

STRIDE = 2**LEVELS
"""Height and width of the input must be multiples of this."""


class UNet(nn.Module):
    """Halves the picture three times, then doubles it, beside what it had on the way down.

    Attributes:
      width: channels at full size; they double with every halving.
      dtype: of the arithmetic; parameters are float32.
    """

    width: int = 32
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "b h w 4"]) -> Image:
        """Maps `completion_input` to float32 RGB in [0, 1]."""
        skips = []
        for level in range(LEVELS):
            features = self.width * 2**level
            x = nn.relu(Convolution(features, dtype=self.dtype, name=f"keep{level}")(x))
            skips.append(x)
            x = nn.relu(Convolution(2 * features, 3, 2, dtype=self.dtype, name=f"down{level}")(x))
        for level in reversed(range(LEVELS)):
            features = self.width * 2**level
            x = nn.relu(Deconvolution(features, self.dtype, name=f"up{level}")(x))
            x = jnp.concatenate([x, skips[level]], axis=-1)
            x = nn.relu(Convolution(features, dtype=self.dtype, name=f"join{level}")(x))
        x = Convolution(3, dtype=self.dtype, name="output")(x)
        return nn.sigmoid(widened(x))
