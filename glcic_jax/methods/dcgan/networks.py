"""Generator and discriminator of DCGAN (Radford, Metz, Chintala, ICLR 2016), of square pictures.

All layers have 5x5 taps and stride 2, as in Yeh et al. 2017, and weights from a normal distribution
of deviation 0.02. Pictures are in [-1, 1] here.
"""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from glcic_jax.layers.convolution import convolution
from glcic_jax.layers.precision import widened
from glcic_jax.layers.torch_layers import batch_norm

LEAK = 0.2
"""Slope of the discriminator's rectifiers below 0."""

weights_init = nn.initializers.normal(0.02)

SignedImage = Float[Array, "b h w 3"]
"""RGB in [-1, 1]."""


def start_edge(size: int) -> int:
    """Edge in pixels, 4 to 7, that doubles to `size`: 64 starts from 4, 96 from 6.

    Raises:
      ValueError: `size` is no such edge times a power of two.
    """
    edge = size
    while edge >= 8 and edge % 2 == 0:
        edge //= 2
    if not 4 <= edge < 8:
        raise ValueError(f"no DCGAN is defined for pictures of {size} pixels")
    return edge


def halvings(size: int) -> int:
    """Number of stride-2 layers of either network: four for 64 and for 96 pixels."""
    return (size // start_edge(size)).bit_length() - 1


def enlarge(x: Float[Array, "b h w i"], kernel: Float[Array, "5 5 o i"]) -> Float[Array, "b H W o"]:
    """5x5 deconvolution, stride 2, padding 2: H = 2 * h, W = 2 * w.

    The linear transpose of a strided convolution from o to i channels, whose kernel this is. Even
    and odd rows and columns of the output are four convolutions of x with every other tap, at most
    3x3 of them: one convolution with four times the channels, for which there is a fast form on
    every platform, gradients included.
    """
    batch, height, width, inputs = x.shape
    outputs = kernel.shape[2]
    taps = jnp.pad(kernel, ((0, 1), (0, 1), (0, 0), (0, 0)))[::-1, ::-1]
    taps = taps.reshape(3, 2, 3, 2, outputs, inputs)[:, ::-1, :, ::-1]
    taps = taps.transpose(0, 2, 5, 1, 3, 4).reshape(3, 3, inputs, 4 * outputs)
    phases = convolution(x, taps).reshape(batch, height, width, 2, 2, outputs)
    return phases.transpose(0, 1, 3, 2, 4, 5).reshape(batch, 2 * height, 2 * width, outputs)


class Deconvolution5(nn.Module):
    """`enlarge` with weights of its own; a bias where no batch norm follows."""

    features: int
    use_bias: bool
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "b h w i"]) -> Float[Array, "b 2*h 2*w o"]:
        """Enlarges."""
        kernel = self.param("kernel", weights_init, (5, 5, self.features, x.shape[-1]))
        x = enlarge(jnp.asarray(x, self.dtype), jnp.asarray(kernel, self.dtype))
        if not self.use_bias:
            return x
        return x + jnp.asarray(self.param("bias", nn.initializers.zeros, (self.features,)), x.dtype)


class Generator(nn.Module):
    """From latent vectors to pictures; 1024 channels at 4x4 for 64 pixels at `width` 64.

    Attributes:
      train: use, and update, batch statistics.
      size: edge of the pictures, pixels; see `start_edge`.
      width: half the channels that the last layer reads; they halve from layer to layer.
      axis_name: devices over which batch norm takes its statistics, or None for each alone.
      dtype: of the arithmetic; parameters and statistics are float32.
    """

    train: bool
    size: int = 64
    width: int = 64
    axis_name: tuple[str, ...] | None = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, z: Float[Array, "b n"]) -> SignedImage:
        """Makes float32 pictures in [-1, 1] out of latent vectors in the same range."""
        edge, layers = start_edge(self.size), halvings(self.size)
        channels = self.width * 2**layers
        x = nn.Dense(
            edge**2 * channels,
            use_bias=False,
            kernel_init=weights_init,
            dtype=self.dtype,
            name="dense",
        )(z)
        x = x.reshape(-1, edge, edge, channels)
        for number in range(1, layers + 1):
            norm = batch_norm(self.train, self.axis_name, self.dtype, name=f"norm{number}")
            x = nn.relu(norm(x))
            channels //= 2
            last = number == layers
            x = Deconvolution5(
                3 if last else channels, use_bias=last, dtype=self.dtype, name=f"layer{number}"
            )(x)
        return jnp.tanh(widened(x))


class Discriminator(nn.Module):
    """Tells pictures of a data set from generated ones.

    Attributes:
      train, axis_name, dtype: as in Generator.
      width: channels of the first layer; they double from layer to layer.
    """

    train: bool
    width: int = 64
    axis_name: tuple[str, ...] | None = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, image: SignedImage) -> tuple[Float[Array, "b"], Float[Array, "b n"]]:
        """Logits, above 0 for pictures taken to be real, and the features they are made of."""
        x = image
        for number in range(1, halvings(x.shape[1]) + 1):
            x = nn.Conv(
                self.width * 2 ** (number - 1),
                (5, 5),
                use_bias=number == 1,  # batch norm has one, and follows all but the first layer
                kernel_init=weights_init,
                dtype=self.dtype,
                conv_general_dilated=lambda x, kernel, *_, **__: convolution(x, kernel, stride=2),
                name=f"layer{number}",
            )(x)
            if number > 1:
                x = batch_norm(self.train, self.axis_name, self.dtype, name=f"norm{number}")(x)
            x = nn.leaky_relu(x, LEAK)
        features = x.reshape(len(x), -1)
        logits = nn.Dense(1, kernel_init=weights_init, dtype=self.dtype, name="head")(features)
        return widened(logits[:, 0]), widened(features)
