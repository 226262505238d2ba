"""Builds the networks of Context Encoders (Pathak et al. 2016, section 5.1), as their release does.

No layer has a bias: the release sets them to 0 before every use.
"""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from glcic_jax.layers.convolution import convolution, deconvolution
from glcic_jax.layers.precision import widened
from glcic_jax.layers.torch_layers import batch_norm
from glcic_jax.types import Image

INNERMOST = 4
"""Edge in pixels of the features that the bottleneck joins to one vector."""

LEAK = 0.2
"""Slope below 0 of the encoder's and the discriminator's rectifiers, as in the release."""

DEVIATION = 0.02
"""Standard deviation of initial kernels and of batch norm's initial scales, as in the release."""

kernel_init = nn.initializers.normal(DEVIATION)


def scale_init(key: Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> Array:
    """Returns initial scales of batch norm, N(1, DEVIATION)."""
    return 1 + kernel_init(key, shape, dtype)


def channels(edge: int) -> tuple[int, ...]:
    """Returns the channels after each halving from `edge` down to INNERMOST pixels.

    They are in units of `width`: 1, 1, 2, 4, 8 for 128 pixels and 1, 2, 4, 8 for 64.

    Raises:
      ValueError: `edge` is not a power of two, or below 16.
    """
    halvings = edge.bit_length() - INNERMOST.bit_length()
    if halvings < 2 or edge != INNERMOST << halvings:
        raise ValueError(f"no context encoder is defined for {edge} pixels")
    return ((1,) * halvings + (1, 2, 4, 8))[-halvings:]


class Halve(nn.Module):
    """Convolves by 4x4 with stride 2 and padding 1, without bias."""

    features: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "b h w i"]) -> Float[Array, "b h/2 w/2 o"]:
        """Halves height and width."""
        kernel = self.param("kernel", kernel_init, (4, 4, x.shape[-1], self.features))
        return convolution(x.astype(self.dtype), kernel.astype(self.dtype), stride=2)


class Double(nn.Module):
    """Deconvolves by 4x4 with stride 2 and padding 1, without bias."""

    features: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "b h w i"]) -> Float[Array, "b 2*h 2*w o"]:
        """Doubles height and width."""
        kernel = self.param("kernel", kernel_init, (4, 4, self.features, x.shape[-1]))
        return deconvolution(x.astype(self.dtype), kernel.astype(self.dtype))


class Norm(nn.Module):
    """Applies batch norm, over the devices of `axis_name` if it is given, then a leaky ReLU."""

    train: bool
    slope: float
    axis_name: tuple[str, ...] | None
    dtype: Any

    @nn.compact
    def __call__(self, x: Float[Array, "... c"]) -> Float[Array, "... c"]:
        """Normalises and rectifies."""
        norm = batch_norm(self.train, self.axis_name, self.dtype, "norm", scale_init)
        return nn.leaky_relu(norm(x), self.slope)


class Trunk(nn.Module):
    """Halves square pictures down to INNERMOST pixels: the first part of the encoder and of D."""

    train: bool
    width: int
    axis_name: tuple[str, ...] | None
    dtype: Any

    @nn.compact
    def __call__(self, x: Image) -> Float[Array, "b 16*8*width"]:
        """Returns one vector for each picture."""
        for number, units in enumerate(channels(x.shape[1]), start=1):
            x = Halve(units * self.width, self.dtype, name=f"layer{number}")(x)
            if number == 1:
                x = nn.leaky_relu(x, LEAK)
            else:
                x = Norm(self.train, LEAK, self.axis_name, self.dtype, name=f"norm{number}")(x)
        return x.reshape(len(x), -1)


class ContextEncoder(nn.Module):
    """Predicts a square by encoder, bottleneck and decoder.

    Attributes:
      train: normalises by the batch's statistics, and updates the running ones.
      output: edge in pixels of the square that it predicts.
      width: channels of the first layer.
      bottleneck: units between encoder and decoder.
      axis_name: mesh axes over which batch norm takes its statistics; None = each device alone.
      dtype: precision of the arithmetic. Parameters and statistics are float32.
    """

    train: bool
    output: int
    width: int = 64
    bottleneck: int = 4000
    axis_name: tuple[str, ...] | None = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "b s s 3"]) -> Float[Array, "b output output 3"]:
        """Maps pictures in [-1, 1], their holes painted over, to float32 RGB in [-1, 1]."""
        dense = {"use_bias": False, "kernel_init": kernel_init, "dtype": self.dtype}
        shared = {"axis_name": self.axis_name, "dtype": self.dtype}
        x = Trunk(self.train, self.width, **shared, name="encoder")(x)
        x = nn.Dense(self.bottleneck, **dense, name="bottleneck")(x)
        x = Norm(self.train, LEAK, **shared, name="bottleneck_norm")(x)
        *outer, innermost = channels(self.output)
        x = nn.Dense(INNERMOST**2 * innermost * self.width, **dense, name="unfold")(x)
        x = x.reshape(len(x), INNERMOST, INNERMOST, -1)
        x = Norm(self.train, 0.0, **shared, name="unfold_norm")(x)
        for number, units in enumerate(reversed(outer), start=1):
            x = Double(units * self.width, self.dtype, name=f"layer{number}")(x)
            x = Norm(self.train, 0.0, **shared, name=f"norm{number}")(x)
        return jnp.tanh(widened(Double(3, self.dtype, name="output")(x)))


class Discriminator(nn.Module):
    """Judges whether squares are true or predicted.

    Attributes:
      train, width, axis_name, dtype: as in ContextEncoder.
    """

    train: bool
    width: int = 64
    axis_name: tuple[str, ...] | None = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "b s s 3"]) -> Float[Array, "b"]:
        """Returns float32 logits of squares in [-1, 1], above 0 for those that look true."""
        x = Trunk(self.train, self.width, self.axis_name, self.dtype, name="trunk")(x)
        head = nn.Dense(1, use_bias=False, kernel_init=kernel_init, dtype=self.dtype, name="head")
        return widened(head(x)[:, 0])
