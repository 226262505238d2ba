"""Builds a small U-Net (Ronneberger, Fischer and Brox 2015). Replace it by the paper's network.

Only files called network.py, networks.py or discriminator(s).py may import flax.linen.
"""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from glcic_jax.layers.precision import widened
from glcic_jax.layers.torch_layers import Convolution, Deconvolution
from glcic_jax.types import Image

LEVELS = 3
"""How many times the picture is halved."""

STRIDE = 2**LEVELS
"""Height and width of the input must be multiples of this, in pixels."""


class UNet(nn.Module):
    """Halves the picture LEVELS times, then doubles it, with its earlier features beside it.

    Attributes:
      width: channels at full size. They double with every halving.
      dtype: precision of the arithmetic. Parameters are float32.
    """

    width: int = 32
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "b h w 4"]) -> Image:
        """Maps `completion_input` to float32 RGB in [0, 1]."""
        skips = []
        # Down: features at each size are kept for the way up.
        for level in range(LEVELS):
            features = self.width * 2**level
            x = nn.relu(Convolution(features, dtype=self.dtype, name=f"keep{level}")(x))
            skips.append(x)
            x = nn.relu(Convolution(2 * features, 3, 2, dtype=self.dtype, name=f"down{level}")(x))
        # Up.
        for level in reversed(range(LEVELS)):
            features = self.width * 2**level
            x = nn.relu(Deconvolution(features, self.dtype, name=f"up{level}")(x))
            x = jnp.concatenate([x, skips[level]], axis=-1)
            x = nn.relu(Convolution(features, dtype=self.dtype, name=f"join{level}")(x))
        # `widened`: the output and all losses are float32 even where the arithmetic is bfloat16.
        return nn.sigmoid(widened(Convolution(3, dtype=self.dtype, name="output")(x)))
