"""Builds the generator of LaMa (Suvorov et al., WACV 2022, section 2.1), as its release does.

It is FFCResNetGenerator of saicinpainting/training/modules/ffc.py with the settings of all the
networks with Fourier convolutions that the authors published: no local Fourier units, no gates, no
spatial transforms. Channels have the release's order: the local ones come first.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from glcic_jax.layers.convolution import convolution, deconvolution
from glcic_jax.layers.precision import widened
from glcic_jax.layers.torch_layers import batch_norm, torch_bias_init, torch_kernel_init
from glcic_jax.methods.lama.fourier import fixed, from_frequencies, to_frequencies
from glcic_jax.methods.lama.sizes import ENDS, SMALLEST, channels, local_channels
from glcic_jax.types import Image


class Mirrored(nn.Module):
    """Convolves; beyond the edge the input is mirrored, without its outermost row or column.

    Attributes:
      features: channels of the output.
      kernel: edge of the kernel; odd, at most 2 * h - 1.
      stride: 1; or 2, with a kernel of 3 and an even height and width.
      bias: whether a bias is added.
      dtype: precision of the arithmetic. Parameters are float32.
    """

    features: int
    kernel: int = 3
    stride: int = 1
    bias: bool = False
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "b h w i"]) -> Float[Array, "b h/s w/s o"]:
        """Convolves."""
        shape = (self.kernel, self.kernel, x.shape[-1], self.features)
        kernel = self.param("kernel", torch_kernel_init, shape).astype(self.dtype)
        y = _mirrored(x.astype(self.dtype), kernel, self.stride)
        if not self.bias:
            return y
        init = torch_bias_init(self.kernel**2 * x.shape[-1])
        return y + self.param("bias", init, (self.features,)).astype(self.dtype)


def _mirrored(x: Array, kernel: Array, stride: int) -> Array:
    """Computes `Mirrored` by `convolution`: its zeros only reach what is cut off again."""
    batch, *sizes, _ = x.shape
    # With stride 2 one more row on top keeps the places that are read; none is read below.
    before, after = (2, 0) if stride == 2 else (len(kernel) // 2, len(kernel) // 2)
    y = convolution(_reflected(x, before, after), kernel, stride)
    first = before // stride
    wanted = (batch, *(size // stride for size in sizes), y.shape[-1])
    return lax.dynamic_slice(y, (0, first, first, 0), wanted)


def _reflected(x: Array, before: int, after: int) -> Array:
    """Mirrors rows and columns at the edges; the outermost ones are not repeated."""
    if fixed(x):
        return jnp.pad(x, ((0, 0), (before, after), (before, after), (0, 0)), mode="reflect")
    for axis in (1, 2):
        size = x.shape[axis]
        place = jnp.abs(jnp.arange(size + before + after) - before)
        x = jnp.take(x, jnp.where(place < size, place, 2 * size - 2 - place), axis=axis)
    return x


class Pointwise(nn.Module):
    """Mixes channels, pixel by pixel, without a bias: a 1x1 convolution."""

    features: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "b h w i"]) -> Float[Array, "b h w o"]:
        """Multiplies by a matrix, stored as a kernel [1, 1, i, o]."""
        kernel = self.param("kernel", torch_kernel_init, (1, 1, x.shape[-1], self.features))
        return x.astype(self.dtype) @ kernel[0, 0].astype(self.dtype)


Norm = Callable[..., nn.BatchNorm]
"""Makes a batch norm, given its `name`."""


class SpectralTransform(nn.Module):
    """Convolves pixels and, between two pointwise layers, frequencies (section 2.1, figure 2).

    The release's layers conv1, fu and conv2. Fourier transforms are float32 whatever the `dtype`,
    in which frequencies are mixed and normalised.
    """

    features: int
    norm: Norm
    dtype: Any

    @nn.compact
    def __call__(self, x: Float[Array, "b h w g"]) -> Float[Array, "b h w g"]:
        """Returns as many channels as it is given."""
        half = self.features // 2
        x = nn.relu(self.norm(name="enter_norm")(Pointwise(half, self.dtype, name="enter")(x)))
        spectrum = to_frequencies(widened(x))
        spectrum = Pointwise(2 * half, self.dtype, name="fourier")(spectrum)
        spectrum = widened(nn.relu(self.norm(name="fourier_norm")(spectrum)))
        y = x + from_frequencies(spectrum, *x.shape[1:3]).astype(self.dtype)
        return Pointwise(self.features, self.dtype, name="leave")(y)


class FourierConvolution(nn.Module):
    """Convolves local channels by 3x3 and global ones by their spectrum, and joins both (FFC)."""

    norm: Norm
    dtype: Any

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        """Convolves, normalises and rectifies."""
        features = x.shape[-1]
        local = local_channels(features)
        near, far = jnp.split(x, [local], axis=-1)
        y = Mirrored(features, dtype=self.dtype, name="from_local")(near)
        to_local = Mirrored(local, dtype=self.dtype, name="global_to_local")(far)
        to_global = SpectralTransform(features - local, self.norm, self.dtype, name="spectral")(far)
        y = y + jnp.concatenate([to_local, to_global], axis=-1)
        return nn.relu(self.norm(name="norm")(y))


FRONT, REAR = "front", "rear"
"""The parts of the generator: down to an eighth of the size, and from there on."""


class Generator(nn.Module):
    """Completes pictures by Fourier convolutions: 50,975,875 parameters with 18 blocks of width 64.

    Attributes:
      train: normalises by the batch's statistics, and updates the running ones.
      width: channels at full size (ngf).
      blocks: residual blocks of two Fourier convolutions each: 18 in big-lama, 9 in lama-fourier.
      axis_name: mesh axes over which batch norm takes its statistics; None = each device alone.
      dtype: precision of the arithmetic. Parameters, statistics and Fourier transforms are float32.
      remat: computes the insides of blocks again in the backward pass, for less memory.
      part: FRONT, which returns features, or REAR, which is given them; None = both in turn.
    """

    train: bool
    width: int = 64
    blocks: int = 18
    axis_name: tuple[str, ...] | None = None
    dtype: Any = jnp.float32
    remat: bool = False
    part: str | None = None

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b H W o"]:
        """Maps pictures in [0, 1], 0 in holes, and masks to float32 RGB in [0, 1]."""
        norm = partial(batch_norm, self.train, self.axis_name, self.dtype)
        if self.part != REAR:
            x = self._front(norm, x)
        return x if self.part == FRONT else self._rear(norm, x)

    def _front(self, norm: Norm, x: Array) -> Array:
        """Returns features at an eighth of the size."""
        sizes = channels(self.width)
        x = Mirrored(sizes[0], ENDS, dtype=self.dtype, name="stem")(x)
        x = nn.relu(norm(name="stem_norm")(x))
        for level, features in enumerate(sizes[1:], start=1):
            x = Mirrored(features, stride=2, dtype=self.dtype, name=f"down{level}")(x)
            x = nn.relu(norm(name=f"down{level}_norm")(x))
        return x

    def _rear(self, norm: Norm, x: Array) -> Image:
        """Returns the picture that features at an eighth of its size are made into."""
        for number in range(1, self.blocks + 1):
            x = self._block(norm, x, number)
        for level, features in enumerate(reversed(channels(self.width)[:-1]), start=1):
            x = Doubling(features, self.dtype, name=f"up{level}")(x)
            x = nn.relu(norm(name=f"up{level}_norm")(x))
        x = Mirrored(3, ENDS, bias=True, dtype=self.dtype, name="output")(x)
        return nn.sigmoid(widened(x))

    def _block(self, norm: Norm, x: Array, number: int) -> Array:
        fourier = nn.remat(FourierConvolution) if self.remat else FourierConvolution
        y = x
        for part in ("first", "second"):
            y = fourier(norm, self.dtype, name=f"block{number}_{part}")(y)
        return x + y


class Doubling(nn.Module):
    """Deconvolves by 3x3 with stride 2, padding 1 and one more row and column, with a bias."""

    features: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "b h w i"]) -> Float[Array, "b 2*h 2*w o"]:
        """Doubles height and width."""
        inputs = x.shape[-1]
        init = nn.initializers.variance_scaling(1 / 3, "fan_in", "uniform", in_axis=-2)
        kernel = self.param("kernel", init, (3, 3, self.features, inputs))
        bias = self.param("bias", torch_bias_init(9 * self.features), (self.features,))
        # A fourth tap of zeros makes it the deconvolution of the other networks.
        kernel = jnp.pad(kernel, ((0, 1), (0, 1), (0, 0), (0, 0)))
        y = deconvolution(x.astype(self.dtype), kernel.astype(self.dtype))
        return y + bias.astype(self.dtype)


def parameters(width: int, blocks: int) -> Any:
    """Returns the shapes of the generator's variables, without making them."""
    module = Generator(train=False, width=width, blocks=blocks)
    shown = jax.ShapeDtypeStruct((1, SMALLEST, SMALLEST, 4), jnp.float32)
    key = jax.eval_shape(lambda: jax.random.key(0))  # configs ask, before devices may be woken
    return jax.eval_shape(module.init, key, shown)
