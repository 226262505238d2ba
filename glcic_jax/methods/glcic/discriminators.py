"""Builds the context discriminators of GLCIC (Iizuka et al. 2017, table 3)."""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from glcic_jax.layers.precision import widened
from glcic_jax.layers.torch_layers import TORCH_SCALE, Convolution, Dense, NormRelu
from glcic_jax.types import Image

BATCH, SPECTRAL, NO_NORM = NORMS = ("batch", "spectral", "none")
"""What follows the convolutions: batch norm (table 3); nothing, where kernels are divided by their
largest singular values (`methods.spectral_norm`); or nothing at all."""

CHANNELS = (1, 2, 4, 8, 8, 8)
"""Channels of the convolutions (table 3), in units of `width`. Small inputs use the first ones."""


def depth(size: int) -> int:
    """Returns the number of stride-2 convolutions that leave at most 5 of `size` pixels.

    It is six for 256 and five for 128, as in the paper's text (section 3.3), five for 160 and 96,
    and four for 64.

    Raises:
      ValueError: the input is too large for six convolutions.
    """
    layers, edge = 0, size
    while edge > 5:
        layers, edge = layers + 1, -(-edge // 2)
    if not 1 <= layers <= len(CHANNELS):
        raise ValueError(f"no context discriminator is defined for inputs of {size} pixels")
    return layers


class Trunk(nn.Module):
    """Makes one side of D: 5x5 stride-2 convolutions, then a vector of 16 * width (table 3)."""

    train: bool
    width: int
    axis_name: tuple[str, ...] | None
    dtype: Any
    scale: str
    norm: str

    @nn.compact
    def __call__(self, x: Image) -> Float[Array, "b 16*width"]:
        """Returns a vector for each square picture in [0, 1]."""
        for number in range(1, depth(x.shape[1]) + 1):
            features = CHANNELS[number - 1] * self.width
            layer = Convolution(features, 5, 2, dtype=self.dtype, name=f"layer{number}")
            x = layer(x)
            if self.norm != BATCH:
                x = nn.relu(x)
                continue
            norm = NormRelu(
                self.train, self.axis_name, self.dtype, scale=self.scale, name=f"norm{number}"
            )
            x = norm(x)
        x = x.reshape(len(x), -1)
        return nn.relu(Dense(16 * self.width, self.dtype, name="dense")(x))


class ContextDiscriminator(nn.Module):
    """Judges whole pictures, local patches around a hole, or (GLCIC) both together.

    It has 45,063,681 parameters at width 64 with 256-pixel pictures and 128-pixel patches. Batch
    norm follows the convolutions only, not the fully connected layers.

    Attributes:
      sides: ("local", "global") or one of them, in the order of the concatenation.
      train, width, axis_name, dtype, scale: as in CompletionNetwork.
      norm: one of NORMS.
    """

    train: bool
    sides: tuple[str, ...] = ("local", "global")
    width: int = 64
    axis_name: tuple[str, ...] | None = None
    dtype: Any = jnp.float32
    scale: str = TORCH_SCALE
    norm: str = BATCH

    @nn.compact
    def __call__(self, image: Image, patch: Image) -> Float[Array, "b"]:
        """Returns float32 logits, above 0 for pictures that look real.

        Args:
          image: square pictures in [0, 1]. Completed ones must be composited.
          patch: the square around the hole, cut from the same pictures.
        """
        inputs = {"local": patch, "global": image}
        shared = (self.train, self.width, self.axis_name, self.dtype, self.scale, self.norm)
        features = [Trunk(*shared, name=side)(inputs[side]) for side in self.sides]
        logits = Dense(1, self.dtype, name="head")(jnp.concatenate(features, axis=-1))
        return widened(logits[:, 0])
