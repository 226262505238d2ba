"""Layers shared by the networks, with Torch7's padding and Torch7's initial weights."""

import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.ad_checkpoint import checkpoint_name
from jaxtyping import Array, Float

from glcic_jax.layers.convolution import convolution, deconvolution

Dtype = Any

CONVOLVED = "convolved"
"""What convolutions give: all that a backward pass needs to keep, if memory is short."""

torch_kernel_init = nn.initializers.variance_scaling(1 / 3, "fan_in", "uniform")
"""U(-1/sqrt(fan_in), 1/sqrt(fan_in)): what Torch7 gives weights when told nothing else."""


def torch_bias_init(fan_in: int):
    """The same range for the biases, which do not know their fan-in themselves."""
    bound = 1 / math.sqrt(fan_in)

    def init(key: Array, shape: tuple[int, ...], dtype: Dtype = jnp.float32) -> Array:
        return jax.random.uniform(key, shape, dtype, -bound, bound)

    return init


class Convolution(nn.Module):
    """Convolution with bias and Torch's zero padding: dilation * (kernel - 1) / 2 on every side.

    At stride 2 that differs from the "SAME" padding of other frameworks, which is one-sided.
    `silent`: weights and bias start at 0.
    """

    features: int
    kernel: int = 3
    stride: int = 1
    dilation: int = 1
    dtype: Dtype = jnp.float32
    silent: bool = False

    @nn.compact
    def __call__(self, x: Float[Array, "b h w i"]) -> Float[Array, "b h/s w/s o"]:
        """Convolves; h and w shrink by the stride, rounded up."""
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
    """4x4 deconvolution with bias, stride 2, padding 1: doubles height and width.

    The kernel is stored as the strided convolution's of which this is the transpose, 4 4 out in.
    """

    features: int
    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "b h w i"]) -> Float[Array, "b 2*h 2*w o"]:
        """Enlarges."""
        inputs = x.shape[-1]
        kernel = self.param("kernel", torch_kernel_init, (4, 4, self.features, inputs))
        bias = self.param("bias", torch_bias_init(16 * inputs), (self.features,))
        x, kernel, bias = (jnp.asarray(a, self.dtype) for a in (x, kernel, bias))
        return checkpoint_name(deconvolution(x, kernel) + bias, CONVOLVED)


def batch_norm(
    train: bool, axis_name: tuple[str, ...] | None, dtype: Dtype, name: str
) -> nn.BatchNorm:
    """Batch norm for use inside a network, as all networks here have it.

    With `train` the batch's statistics normalise, over all devices of `axis_name` if one is given,
    and the running ones are updated with momentum 0.9; else the running ones normalise.
    Normalisation and statistics are float32 whatever `dtype` the convolutions use.
    """
    return nn.BatchNorm(
        use_running_average=not train,
        momentum=0.9,
        epsilon=1e-5,
        axis_name=axis_name if train else None,  # pyright: ignore[reportArgumentType] - several names too
        dtype=dtype,
        name=name,
    )


class NormRelu(nn.Module):
    """Batch norm, then ReLU; with `relu_first`, as some ports have it, it is another network.

    `train`, `axis_name`, `dtype`: of `batch_norm`.
    """

    train: bool
    axis_name: tuple[str, ...] | None = None
    dtype: Dtype = jnp.float32
    relu_first: bool = False

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        """Normalises and rectifies."""
        norm = batch_norm(self.train, self.axis_name, self.dtype, name="norm")
        return norm(nn.relu(x)) if self.relu_first else nn.relu(norm(x))


class Dense(nn.Module):
    """Fully connected layer with bias and Torch7's initial weights, in the given dtype."""

    features: int
    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "b i"]) -> Float[Array, "b o"]:
        """Multiplies."""
        return nn.Dense(
            self.features,
            kernel_init=torch_kernel_init,
            bias_init=torch_bias_init(x.shape[-1]),
            dtype=self.dtype,
            name="fc",
        )(x)
