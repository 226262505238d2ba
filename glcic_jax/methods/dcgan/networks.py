"""Builds DCGAN's generator and discriminator (Radford, Metz, Chintala, ICLR 2016).

All convolutions are 5x5 with stride 2, as in Yeh et al. 2017. Pictures are in [-1, 1] here.
"""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from glcic_jax.layers.convolution import convolution
from glcic_jax.layers.precision import widened
from glcic_jax.layers.torch_layers import batch_norm

LEAK = 0.2
"""Slope of the discriminator's rectifiers below 0 (Radford et al., section 4)."""

DEVIATION = 0.02
"""Standard deviation of the initial weights, which are normal (Radford et al., section 4)."""

weights_init = nn.initializers.normal(DEVIATION)


def scale_init(key: Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> Array:
    """Returns initial scales of batch norm, N(1, DEVIATION), as in the authors' release."""
    return 1 + weights_init(key, shape, dtype)


SignedImage = Float[Array, "b h w 3"]
"""RGB in [-1, 1]."""


def start_edge(size: int) -> int:
    """Returns the edge in pixels, 4 to 7, that doubles to `size`: 4 for 64, 6 for 96.

    Raises:
      ValueError: `size` is not such an edge times a power of two.
    """
    edge = size
    while edge >= 8 and edge % 2 == 0:
        edge //= 2
    if not 4 <= edge < 8:
        raise ValueError(f"no DCGAN is defined for pictures of {size} pixels")
    return edge


def halvings(size: int) -> int:
    """Returns the number of stride-2 layers of either network: four for 64 and for 96 pixels."""
    return (size // start_edge(size)).bit_length() - 1


def enlarge(x: Float[Array, "b h w i"], kernel: Float[Array, "5 5 o i"]) -> Float[Array, "b H W o"]:
    """Deconvolves by 5x5 with stride 2 and padding 2: H = 2 * h, W = 2 * w.

    This is the linear transpose of a strided convolution from o to i channels with the same kernel.
    Even and odd rows and columns of the output are four convolutions of x with every other tap, at
    most 3x3 of them. Together they are one convolution with four times the channels, for which
    every platform has a fast form, gradients included.
    """
    batch, height, width, inputs = x.shape
    outputs = kernel.shape[2]
    taps = jnp.pad(kernel, ((0, 1), (0, 1), (0, 0), (0, 0)))[::-1, ::-1]
    taps = taps.reshape(3, 2, 3, 2, outputs, inputs)[:, ::-1, :, ::-1]
    taps = taps.transpose(0, 2, 5, 1, 3, 4).reshape(3, 3, inputs, 4 * outputs)
    phases = convolution(x, taps).reshape(batch, height, width, 2, 2, outputs)
    return phases.transpose(0, 1, 3, 2, 4, 5).reshape(batch, 2 * height, 2 * width, outputs)


class Deconvolution5(nn.Module):
    """Applies `enlarge` with weights of its own, and a bias where no batch norm follows."""

    features: int
    use_bias: bool
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "b h w i"]) -> Float[Array, "b 2*h 2*w o"]:
        """Doubles height and width."""
        kernel = self.param("kernel", weights_init, (5, 5, self.features, x.shape[-1]))
        x = enlarge(jnp.asarray(x, self.dtype), jnp.asarray(kernel, self.dtype))
        if not self.use_bias:
            return x
        return x + jnp.asarray(self.param("bias", nn.initializers.zeros, (self.features,)), x.dtype)


class Generator(nn.Module):
    """Makes pictures from latent vectors, by way of 1024 channels at 4x4 (64 pixels, `width` 64).

    Attributes:
      train: normalises by the batch's statistics, and updates the running ones.
      size: edge of the pictures, pixels; see `start_edge`.
      width: half the channels that the last layer reads. They halve from layer to layer.
      axis_name: mesh axes over which batch norm takes its statistics; None = each device alone.
      dtype: precision of the arithmetic. Parameters and statistics are float32.
    """

    train: bool
    size: int = 64
    width: int = 64
    axis_name: tuple[str, ...] | None = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, z: Float[Array, "b n"]) -> SignedImage:
        """Returns float32 pictures in [-1, 1] from latent vectors in the same range."""
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
            norm = batch_norm(self.train, self.axis_name, self.dtype, f"norm{number}", scale_init)
            x = nn.relu(norm(x))
            channels //= 2
            last = number == layers
            x = Deconvolution5(
                3 if last else channels, use_bias=last, dtype=self.dtype, name=f"layer{number}"
            )(x)
        return jnp.tanh(widened(x))


class Discriminator(nn.Module):
    """Judges whether pictures are from the data set or generated.

    Attributes:
      train, axis_name, dtype: as in Generator.
      width: channels of the first layer. They double from layer to layer.
    """

    train: bool
    width: int = 64
    axis_name: tuple[str, ...] | None = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, image: SignedImage) -> tuple[Float[Array, "b"], Float[Array, "b n"]]:
        """Returns float32 logits, above 0 for pictures that look real, and their features."""
        x = image
        for number in range(1, halvings(x.shape[1]) + 1):
            x = nn.Conv(
                self.width * 2 ** (number - 1),
                (5, 5),
                use_bias=number == 1,  # all others are followed by batch norm, which has one
                kernel_init=weights_init,
                dtype=self.dtype,
                conv_general_dilated=lambda x, kernel, *_, **__: convolution(x, kernel, stride=2),
                name=f"layer{number}",
            )(x)
            if number > 1:
                norm = batch_norm(
                    self.train, self.axis_name, self.dtype, f"norm{number}", scale_init
                )
                x = norm(x)
            x = nn.leaky_relu(x, LEAK)
        features = x.reshape(len(x), -1)
        logits = nn.Dense(1, kernel_init=weights_init, dtype=self.dtype, name="head")(features)
        return widened(logits[:, 0]), widened(features)
