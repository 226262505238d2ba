"""Builds the U-Net of partial convolutions (Liu et al., ECCV 2018, sections 3.1 and 3.2).

Every layer sees only what is known. A place whose window held something known is known to the next
layer. So holes close from their edges inwards.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import flax.linen as nn
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from glcic_jax.layers.convolution import convolution
from glcic_jax.layers.precision import widened
from glcic_jax.layers.torch_layers import batch_norm
from glcic_jax.types import Image, Mask

KERNELS = (7, 5, 5, 3, 3, 3, 3, 3)
"""Edges in pixels of the encoder's kernels (section 3.2); the decoder's are 3."""

CHANNELS = (1, 2, 4, 8, 8, 8, 8, 8)
"""Channels that leave the encoder's layers, in units of `width` (section 3.2)."""

LEAK = 0.2
"""Slope of the decoder's rectifiers below 0 (section 3.2)."""

ENCODER_NORMS = "encode_norm"
"""Prefix of the names of the batch norms that the second stage of training freezes."""


class Part(NamedTuple):
    """Holds features and the mask that all their channels share: 1 = hole, where they are void."""

    features: Float[Array, "b h w c"]
    hole: Mask


class PartialConvolution(nn.Module):
    """Convolves what is known, and makes up for what is not: eqs. (1) and (2).

    The paper's M is 1 where pixels are known. Masks here are 1 in the hole, as everywhere in this
    package, so M = 1 - hole. Where a window holds something known, the output is
    W * (X . M) * window / sum(M) + b, both counted over the window's pixels and channels, and the
    place is known from then on. Elsewhere the output is 0, and the place remains hole. What lies
    beyond the edge counts as hole. Features inside a hole are never read, and no gradient passes
    through masks. Counts are float32 whatever the `dtype` of the convolution.
    """

    features: int
    kernel: int = 3
    stride: int = 1
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, parts: Sequence[Part]) -> Part:
        """Convolves parts of equal size, concatenated as channels, each with its own mask."""
        channels = [part.features.shape[-1] for part in parts]
        kernel = self.param(
            "kernel",
            nn.initializers.he_normal(),
            (self.kernel, self.kernel, sum(channels), self.features),
        )
        bias = self.param("bias", nn.initializers.zeros, (self.features,))
        x = jnp.concatenate([jnp.where(hole > 0, 0, x) for x, hole in parts], axis=-1)
        count = sum(n * (1 - part.hole) for n, part in zip(channels, parts, strict=True))
        known = self._window_sums(lax.stop_gradient(jnp.asarray(count, jnp.float32)))
        window = self.kernel**2 * sum(channels)
        ratio = jnp.where(known > 0, window / jnp.maximum(known, 1), 0)
        y = convolution(x.astype(self.dtype), kernel.astype(self.dtype), self.stride)
        y = jnp.where(known > 0, y * ratio + bias, 0).astype(self.dtype)
        return Part(y, jnp.where(known > 0, 0.0, 1.0))

    def _window_sums(self, values: Float[Array, "b h w 1"]) -> Float[Array, "b H W 1"]:
        pad, window = self.kernel // 2, (1, self.kernel, self.kernel, 1)
        pads = ((0, 0), (pad, pad), (pad, pad), (0, 0))
        return lax.reduce_window(
            values, 0.0, lax.add, window, (1, self.stride, self.stride, 1), pads
        )


class PartialUNet(nn.Module):
    """Halves in the encoder, and doubles in the decoder with the encoder's features beside it.

    Batch norm follows all layers but the first and the last, ReLU the encoder's and leaky ReLU the
    decoder's. The last layer's output is plain. Normalisation is float32 whatever the `dtype`.

    Attributes:
      train: normalises by the batch's statistics, and updates the running ones.
      levels: halvings, 2 to 8. The paper has 8 at 512 pixels; 7 are for 256.
      width: channels of the first layer, 64 in the paper.
      frozen_encoder: lets the encoder's batch norms use running statistics although `train` is set.
      axis_name: mesh axes over which batch norm takes its statistics; None = each device alone.
      dtype: precision of the convolutions. Parameters, statistics and masks are float32.
    """

    train: bool
    levels: int
    width: int = 64
    frozen_encoder: bool = False
    axis_name: tuple[str, ...] | None = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, image: Image, hole: Mask) -> Image:
        """Completes pictures that are differences to a mean pixel, float32.

        Args:
          image: height and width must be multiples of 2**levels.
          hole: 1 = hole.
        """
        part, skips = Part(image, hole), []
        # Encoder.
        for level in range(1, self.levels + 1):
            skips.append(part)
            part = self._convolve(f"encode{level}", self._channels(level), KERNELS[level - 1], 2)(
                (part,)
            )
            x = part.features
            if level > 1:
                x = self._norm(f"{ENCODER_NORMS}{level}", self.train and not self.frozen_encoder)(x)
            part = Part(nn.relu(x), part.hole)
        # Decoder.
        for level in range(self.levels, 1, -1):
            beside = (doubled(part), skips.pop())
            part = self._convolve(f"decode{level}", self._channels(level - 1))(beside)
            x = self._norm(f"decode_norm{level}", self.train)(part.features)
            part = Part(nn.leaky_relu(x, LEAK), part.hole)
        last = self._convolve("decode1", 3)((doubled(part), skips.pop()))
        return widened(last.features)

    def _channels(self, level: int) -> int:
        return CHANNELS[level - 1] * self.width

    def _convolve(self, name: str, features: int, kernel: int = 3, stride: int = 1):
        return PartialConvolution(features, kernel, stride, self.dtype, name=name)

    def _norm(self, name: str, train: bool):
        return batch_norm(train, self.axis_name, self.dtype, name)


def doubled(part: Part) -> Part:
    """Doubles features and mask by repeating the nearest pixel."""
    features, hole = (x.repeat(2, axis=1).repeat(2, axis=2) for x in part)
    return Part(features, hole)


def reach(levels: int) -> int:
    """Returns how many pixels around a pixel PartialUNet's output depends on: 389 for 7 levels.

    That depends on where the pixel lies in the grid of the coarsest level; this is the maximum.
    """
    most = 0
    for pixel in range(2**levels):
        low = high = pixel
        for _ in range(levels):  # from the output inwards: a 3x3 layer, then four pixels are one
            low, high = (low - 1) // 2, (high + 1) // 2
        for kernel in KERNELS[levels - 1 :: -1]:
            low, high = 2 * low - kernel // 2, 2 * high + kernel // 2
        most = max(most, pixel - low, high - pixel)
    return most
