"""Layers that the networks share, with Torch7's padding and Torch7's initial weights."""

import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax.ad_checkpoint import checkpoint_name
from jaxtyping import Array, Float

from glcic_jax.layers.convolution import convolution, deconvolution
from glcic_jax.layers.initial import Uniform
from glcic_jax.layers.norm_relu import MOMENTUM, TrainingNormRelu
from glcic_jax.layers.ops import NORM_EPSILON

Dtype = Any

CONVOLVED = "convolved"
"""Marks the outputs of convolutions: all that a backward pass must keep where memory is short."""


def _fan_in_init(in_axis: int, out_axis: int) -> Uniform:
    """Returns an initializer with U(-1/sqrt(fan_in), 1/sqrt(fan_in))."""

    def scaled(numbers: np.ndarray) -> np.ndarray:
        fan_in = numbers.size / numbers.shape[out_axis]
        return (2 * numbers - 1) * np.sqrt(3 * np.float32(1 / 3 / fan_in))

    return Uniform(
        nn.initializers.variance_scaling(1 / 3, "fan_in", "uniform", in_axis, out_axis), scaled
    )


torch_kernel_init = _fan_in_init(in_axis=-2, out_axis=-1)
"""U(-1/sqrt(fan_in), 1/sqrt(fan_in)): Torch7's default for weights. fan_in is the number of taps
times the input channels, the last axis but one: of convolutions (k k in out) and of matrices
(in out)."""

torch_transposed_init = _fan_in_init(in_axis=-1, out_axis=-2)
"""The same for kernels of deconvolutions (k k out in), whose input channels are the last axis.
Torch7's SpatialFullConvolution counts taps times input channels too, although with stride 2 only a
quarter of the taps meet in one output."""

TORCH_SCALE, CONSTANT_SCALE = "uniform", "ones"

SCALES = {
    TORCH_SCALE: Uniform(nn.initializers.uniform(1.0), lambda numbers: numbers),
    CONSTANT_SCALE: nn.initializers.ones,
}
"""Initial scales of batch norm by name. "uniform", U(0, 1), is Torch7's default of 2017; "ones" is
that of most frameworks since. Offsets start at 0 in all of them."""


def torch_bias_init(fan_in: int):
    """Returns Torch7's default for biases: the same range as the weights' of `fan_in` inputs."""
    bound = 1 / math.sqrt(fan_in)

    def init(key: Array, shape: tuple[int, ...], dtype: Dtype = jnp.float32) -> Array:
        return jax.random.uniform(key, shape, dtype, -bound, bound)

    def scaled(numbers: np.ndarray) -> np.ndarray:
        low, width = np.float32(-bound), np.float32(bound) - np.float32(-bound)
        # In float64, which is exact here: XLA multiplies and adds with one rounding.
        return np.maximum(low, (numbers.astype(float) * width + low).astype(np.float32))

    return Uniform(init, scaled)


class Convolution(nn.Module):
    """Convolves with bias and Torch's zero padding: dilation * (kernel - 1) / 2 on every side.

    At stride 2 that differs from the "SAME" padding of other frameworks, which is one-sided.

    Attributes:
      features: channels of the output.
      kernel: edge of the kernel; odd.
      stride: 1 or 2.
      dilation: distance of the kernel's taps in pixels; must be 1 if the stride is 2.
      dtype: that the convolution computes in; parameters are float32.
      silent: whether weights and bias start at 0.
    """

    features: int
    kernel: int = 3
    stride: int = 1
    dilation: int = 1
    dtype: Dtype = jnp.float32
    silent: bool = False

    @nn.compact
    def __call__(self, x: Float[Array, "b h w i"]) -> Float[Array, "b h/s w/s o"]:
        """Convolves. Height and width are divided by the stride and rounded up."""
        pad = self.dilation * (self.kernel - 1) // 2
        zeros, fan_in = nn.initializers.zeros_init(), self.kernel**2 * x.shape[-1]
        convolve = nn.Conv(
            self.features,
            (self.kernel, self.kernel),
            strides=self.stride,
            padding=((pad, pad), (pad, pad)),
            kernel_dilation=self.dilation,
            kernel_init=zeros if self.silent else torch_kernel_init,
            bias_init=zeros if self.silent else torch_bias_init(fan_in),
            dtype=self.dtype,
            conv_general_dilated=lambda x, kernel, *_, **__: convolution(
                x, kernel, self.stride, self.dilation
            ),
            name="conv",
        )
        return checkpoint_name(convolve(x), CONVOLVED)


class Deconvolution(nn.Module):
    """Deconvolves with bias, 4x4 taps, stride 2 and padding 1: doubles height and width.

    A deconvolution is the transpose of a strided convolution. Its kernel is stored as the one of
    that convolution: 4 4 out in.

    Attributes:
      features: channels of the output.
      dtype: that the deconvolution computes in; parameters are float32.
    """

    features: int
    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "b h w i"]) -> Float[Array, "b 2*h 2*w o"]:
        """Doubles height and width."""
        inputs = x.shape[-1]
        kernel = self.param("kernel", torch_transposed_init, (4, 4, self.features, inputs))
        bias = self.param("bias", torch_bias_init(16 * inputs), (self.features,))
        x, kernel, bias = (jnp.asarray(a, self.dtype) for a in (x, kernel, bias))
        return checkpoint_name(deconvolution(x, kernel) + bias, CONVOLVED)


def batch_norm(
    train: bool,
    axis_name: tuple[str, ...] | None,
    dtype: Dtype,
    name: str,
    scale_init: nn.initializers.Initializer = nn.initializers.ones,
) -> nn.BatchNorm:
    """Makes the batch norm of all networks here, for use inside a network.

    Normalisation and statistics are float32 whatever `dtype` the convolutions use.

    Args:
      train: whether the batch's statistics normalise and update the running ones, with momentum
        0.9. Otherwise the running statistics normalise.
      axis_name: axes of the mesh over whose devices the batch's statistics are taken; None = each
        device takes its own.
      dtype: of the output.
      name: of the module and its parameters.
      scale_init: makes the initial scales.
    """
    return nn.BatchNorm(
        use_running_average=not train,
        momentum=MOMENTUM,
        epsilon=NORM_EPSILON,
        axis_name=axis_name if train else None,  # pyright: ignore[reportArgumentType] - several names too
        dtype=dtype,
        scale_init=scale_init,
        name=name,
    )


class NormRelu(nn.Module):
    """Applies batch norm, then ReLU.

    Attributes:
      train: as in `batch_norm`.
      axis_name: as in `batch_norm`.
      dtype: as in `batch_norm`.
      relu_first: whether ReLU comes before batch norm, as in some ports. That computes something
        else.
      scale: a key of SCALES, the initial scales of batch norm.
    """

    train: bool
    axis_name: tuple[str, ...] | None = None
    dtype: Dtype = jnp.float32
    relu_first: bool = False
    scale: str = TORCH_SCALE

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        """Normalises and rectifies."""
        scale_init = SCALES[self.scale]
        if self.train and not self.relu_first:
            return TrainingNormRelu(self.axis_name, self.dtype, scale_init, name="norm")(x)
        norm = batch_norm(self.train, self.axis_name, self.dtype, "norm", scale_init)
        return norm(nn.relu(x)) if self.relu_first else nn.relu(norm(x))


class Dense(nn.Module):
    """Multiplies by a full matrix and adds a bias, with Torch7's initial weights.

    Attributes:
      features: numbers in the output.
      dtype: that the layer computes in; parameters are float32.
    """

    features: int
    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "b i"]) -> Float[Array, "b o"]:
        """Multiplies and adds the bias."""
        return nn.Dense(
            self.features,
            kernel_init=torch_kernel_init,
            bias_init=torch_bias_init(x.shape[-1]),
            dtype=self.dtype,
            name="fc",
        )(x)
