"""The U-Net of partial convolutions (Liu et al., ECCV 2018, sections 3.1 and 3.2).

Every layer sees what is known and nothing else, and what it could see something for is known to the
next one: holes close from their edges inwards.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import flax.linen as nn
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from glcic_jax.layers.convolution import convolution
from glcic_jax.layers.precision import widened
from glcic_jax.types import Image, Mask

KERNELS = (7, 5, 5, 3, 3, 3, 3, 3)
"""Of the encoder's layers; the decoder's are 3."""

CHANNELS = (1, 2, 4, 8, 8, 8, 8, 8)
"""That leave the encoder's layers, in units of `width`."""

ENCODER_NORMS = "encode_norm"
"""Begins the names of the batch norms that the second stage of training freezes."""


class Part(NamedTuple):
    """Features, and the mask that all their channels share: 1 = hole, where they mean nothing."""

    features: Float[Array, "b h w c"]
    hole: Mask


class PartialConvolution(nn.Module):
    """Convolution of what is known, in proportion to how much that is: eqs. (1) and (2).

    The paper's M is 1 where pixels are known; masks here are 1 in the hole, as everywhere in this
    package, and this layer turns them: M = 1 - hole. Where a window holds something known, the
    output is W * (X . M) * window / sum(M) + b, both counted over the window's pixels and channels,
    and the place is known from then on; elsewhere it is 0, and hole. What lies beyond the edge
    counts as hole. What features hold inside a hole is never read, and no gradient passes through
    masks. Counts are float32 whatever `dtype` the convolution is.
    """

    features: int
    kernel: int = 3
    stride: int = 1
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, parts: Sequence[Part]) -> Part:
        """Convolves parts of one size, seen side by side as channels, each with its own mask."""
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
    """Encoder of halvings, decoder with the encoder's features and masks beside its own.

    Batch norm follows all layers but the first and the last, ReLU the encoder's and leaky ReLU the
    decoder's; the last layer's output is plain. The normalisation is float32 whatever `dtype`.

    Attributes:
      train: use, and update, batch statistics.
      levels: halvings, at most 8: 8 at 512 pixels, 7 at 256.
      width: channels of the first layer, 64 in the paper.
      frozen_encoder: the encoder's batch norms use running statistics although `train` is set.
      axis_name: devices over which batch norm takes its statistics, or None for each alone.
      dtype: of the convolutions; parameters, statistics and masks are float32.
    """

    train: bool
    levels: int
    width: int = 64
    frozen_encoder: bool = False
    axis_name: tuple[str, ...] | None = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, image: Image, hole: Mask) -> Image:
        """Maps pictures around 0, height and width multiples of 2**levels, to such pictures."""
        part, skips = Part(image, hole), []
        for level in range(1, self.levels + 1):
            skips.append(part)
            part = self._convolve(f"encode{level}", self._channels(level), KERNELS[level - 1], 2)(
                (part,)
            )
            x = part.features
            if level > 1:
                x = self._norm(f"{ENCODER_NORMS}{level}", self.train and not self.frozen_encoder)(x)
            part = Part(nn.relu(x), part.hole)
        for level in range(self.levels, 1, -1):
            beside = (_doubled(part), skips.pop())
            part = self._convolve(f"decode{level}", self._channels(level - 1))(beside)
            x = self._norm(f"decode_norm{level}", self.train)(part.features)
            part = Part(nn.leaky_relu(x, 0.2), part.hole)
        last = self._convolve("decode1", 3)((_doubled(part), skips.pop()))
        return widened(last.features)

    def _channels(self, level: int) -> int:
        return CHANNELS[level - 1] * self.width

    def _convolve(self, name: str, features: int, kernel: int = 3, stride: int = 1):
        return PartialConvolution(features, kernel, stride, self.dtype, name=name)

    def _norm(self, name: str, train: bool):
        return nn.BatchNorm(
            use_running_average=not train,
            momentum=0.9,
            epsilon=1e-5,
            axis_name=self.axis_name if train else None,  # pyright: ignore[reportArgumentType] - several names too
            dtype=self.dtype,
            name=name,
        )


def _doubled(part: Part) -> Part:
    """Nearest neighbours, mask and all."""
    features, hole = (x.repeat(2, axis=1).repeat(2, axis=2) for x in part)
    return Part(features, hole)


def reach(levels: int) -> int:
    """Pixels around a pixel that the output of PartialUNet depends on: 389 for 7 levels.

    It depends on where the pixel lies in the grid of the coarsest level, so the most is taken.
    """
    most = 0
    for pixel in range(2**levels):
        low = high = pixel
        for _ in range(levels):  # down the decoder: a 3x3 layer, and every pixel stands for four
            low, high = (low - 1) // 2, (high + 1) // 2
        for kernel in KERNELS[levels - 1 :: -1]:
            low, high = 2 * low - kernel // 2, 2 * high + kernel // 2
        most = max(most, pixel - low, high - pixel)
    return most
