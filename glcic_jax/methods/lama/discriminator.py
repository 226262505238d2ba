"""Builds LaMa's discriminator: one logit for each patch, as in the release (pix2pixhd.py).

It is the patch discriminator of pix2pixHD (Wang et al. 2018), with batch norm in place of instance
norm (Suvorov et al., WACV 2022, section 2.2.2).
"""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from glcic_jax.layers.convolution import convolution
from glcic_jax.layers.precision import widened
from glcic_jax.layers.torch_layers import batch_norm, torch_bias_init, torch_kernel_init
from glcic_jax.types import Image

HALVINGS = 4
"""Layers of stride 2 (n_layers)."""

MOST = 8
"""Channels double up to so many times `width`."""

LEAK = 0.2
"""Slope of the rectifiers below 0."""


class Patches(nn.Module):
    """Convolves by 4x4 taps with padding 2, so that edges grow by a pixel, and adds a bias."""

    features: int
    stride: int
    dtype: Any

    @nn.compact
    def __call__(self, x: Float[Array, "b h w i"]) -> Float[Array, "b h/s+1 w/s+1 o"]:
        """Convolves."""
        inputs = x.shape[-1]
        kernel = self.param("kernel", torch_kernel_init, (4, 4, inputs, self.features))
        bias = self.param("bias", torch_bias_init(16 * inputs), (self.features,))
        x, kernel, bias = (jnp.asarray(a, self.dtype) for a in (x, kernel, bias))
        # A fifth tap of zeros gives it the odd edge that `convolution` takes.
        kernel = jnp.pad(kernel, ((0, 1), (0, 1), (0, 0), (0, 0)))
        wide = jnp.pad(x, ((0, 0), (0, 1), (0, 1), (0, 0)))
        return convolution(wide, kernel, self.stride) + bias


class Discriminator(nn.Module):
    """Judges patches of pictures, and shows what it saw on the way.

    Attributes:
      train: normalises by the batch's statistics, and updates the running ones.
      width: channels of the first layer (ndf).
      axis_name: mesh axes over which batch norm takes its statistics; None = each device alone.
      dtype: precision of the arithmetic. Parameters and statistics are float32.
    """

    train: bool
    width: int = 64
    axis_name: tuple[str, ...] | None = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, image: Image) -> tuple[Float[Array, "b p q 1"], list[Array]]:
        """Returns float32 logits, above 0 for patches that look real, and the features before them.

        Args:
          image: RGB in [0, 1].
        """
        x, features = image, []
        for number in range(1, HALVINGS + 2):
            channels = self.width * min(2 ** (number - 1), MOST)
            stride = 2 if number <= HALVINGS else 1
            x = Patches(channels, stride, self.dtype, name=f"layer{number}")(x)
            if number > 1:
                x = batch_norm(self.train, self.axis_name, self.dtype, f"norm{number}")(x)
            x = nn.leaky_relu(x, LEAK)
            features.append(x)
        return widened(Patches(1, 1, self.dtype, name="head")(x)), features
