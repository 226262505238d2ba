"""Builds the U-Net with two partial convolutions at each level, of an earlier project.

The project is ayulockin/deepimageinpainting on GitHub, Image_Inpainting_Partial_Convolution.ipynb:
"UNET like with partial conv", sixteen of them at four levels. Its code makes all eight of the
encoder 32 channels wide, whatever its argument `filters` asks for, and so are they here.

What differs: there the sum over known values is divided by their number over all channels and
multiplied by the window's pixels alone, so that each layer's output is that of the paper's eq. (1)
divided by the number of its input channels. Here it is eq. (1). There ReLU follows the sixteenth
too, which has three channels. Each of them is a weighted sum of values above 0, and one that is
below 0 everywhere, as happens at the start, is lost with a colour. Here it does not follow. Initial
weights are He's instead of Glorot's.
"""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from glcic_jax.layers.precision import widened
from glcic_jax.layers.torch_layers import Convolution
from glcic_jax.methods.partial_conv.network import Part, PartialConvolution, doubled
from glcic_jax.types import Image, Mask


class PairedUNet(nn.Module):
    """Halves in the encoder, and doubles in the decoder with the encoder's features beside it.

    All kernels are 3 x 3, ReLU follows every partial convolution but the last, and nothing is
    normalised. Each level of the encoder is a convolution and one of stride 2; the first one's
    features are what the decoder sees beside its own. A plain convolution and a sigmoid come last.

    Attributes:
      train: not used: nothing here differs in training.
      levels: halvings, 2 to 8; the project has 4, which make 16 partial convolutions.
      width: channels of every layer of the encoder, 32 in the project. The decoder's have
        2**(levels - 1) times as many at the coarsest level, and half as many from layer to level.
      frozen_encoder: not used: there is no batch norm to freeze.
      axis_name: not used, likewise.
      dtype: precision of the convolutions. Parameters and masks are float32.
    """

    train: bool
    levels: int = 4
    width: int = 32
    frozen_encoder: bool = False
    axis_name: tuple[str, ...] | None = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, image: Image, hole: Mask) -> Image:
        """Completes pictures; returns RGB in [0, 1], float32.

        Args:
          image: RGB in [0, 1]. Height and width must be multiples of 2**levels.
          hole: 1 = hole.
        """
        part, skips = Part(image, hole), []
        # Encoder.
        for level in range(1, self.levels + 1):
            part = self._convolve(f"encode{level}_1", self.width, (part,))
            skips.append(part)
            part = self._convolve(f"encode{level}_2", self.width, (part,), stride=2)
        # Decoder.
        for level in range(self.levels, 0, -1):
            first = self.width * 2 ** (level - 1)
            part = self._convolve(f"decode{level}_1", first, (skips.pop(), doubled(part)))
            if level > 1:
                part = self._convolve(f"decode{level}_2", first // 2, (part,))
        part = PartialConvolution(3, dtype=self.dtype, name="decode1_2")((part,))
        last = Convolution(3, dtype=self.dtype, name="output")(part.features)
        return nn.sigmoid(widened(last))

    def _convolve(self, name: str, features: int, parts: tuple[Part, ...], stride: int = 1) -> Part:
        """Convolves partially and rectifies."""
        layer = PartialConvolution(features, stride=stride, dtype=self.dtype, name=name)
        x, hole = layer(parts)
        return Part(nn.relu(x), hole)


def paired_reach(levels: int) -> int:
    """Returns how many pixels around a pixel PairedUNet's output depends on: 76 for 4 levels.

    That depends on where the pixel lies in the grid of the coarsest level; this is the maximum.
    """
    most = 0
    for pixel in range(2**levels):
        low, high = pixel - 1, pixel + 1  # the last layer
        for _ in range(levels):  # from the output inwards: two layers, then four pixels are one
            low, high = (low - 2) // 2, (high + 2) // 2
        for _ in range(levels):
            low, high = 2 * low - 2, 2 * high + 2
        most = max(most, pixel - low, high - pixel)
    return most
