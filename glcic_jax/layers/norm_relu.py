"""Normalises and rectifies in training, as one operation with a gradient of its own.

A narrow network's step on a CPU spends more time on passes over memory than on arithmetic. Left to
themselves batch norm and ReLU write five arrays of the features' size on the way back; two passes
that read, and one that writes, are enough.
"""

from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from glcic_jax.layers.ops import NORM_EPSILON, alike

MOMENTUM = 0.9
"""The part of the running statistics that an update keeps."""

PIXELS = (0, 1, 2)
"""All axes but the channels'."""

Axes = tuple[str, ...]
"""Axes of the mesh over whose devices statistics are taken; () = each device takes its own."""

Channels = Float[Array, "c"]


class TrainingNormRelu(nn.Module):
    """Does in training what nn.BatchNorm with ReLU does, with the same parameters and statistics.

    Attributes:
      axis_name: axes of the mesh over whose devices statistics are taken; None = each device's own.
      dtype: of the output. Statistics are float32.
      scale_init: makes the initial scales.
    """

    axis_name: Axes | None
    dtype: Any
    scale_init: nn.initializers.Initializer

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        """Normalises by the batch's statistics, rectifies, and moves the running statistics."""
        channels, float32 = x.shape[-1:], jnp.float32
        mean = self.variable("batch_stats", "mean", jnp.zeros, channels, float32)
        var = self.variable("batch_stats", "var", jnp.ones, channels, float32)
        scale = self.param("scale", self.scale_init, channels, float32)
        bias = self.param("bias", nn.initializers.zeros, channels, float32)
        y, *batch = norm_relu(x, scale, bias, self.axis_name or (), self.dtype)
        if not self.is_initializing():
            for running, new in zip((mean, var), batch, strict=True):
                kept = MOMENTUM * running.value
                running.value = kept + (1 - MOMENTUM) * lax.stop_gradient(new)
        return y


Result = tuple[Float[Array, "b h w c"], Channels, Channels]


def norm_relu(
    x: Float[Array, "b h w c"], scale: Channels, bias: Channels, axes: Axes, dtype: Any
) -> Result:
    """Returns max(0, (x - mean) / sqrt(var + NORM_EPSILON) * scale + bias), mean and var.

    Gradients flow through the first one alone.

    Args:
      x: features.
      scale: of the normalised features.
      bias: is added to them.
      axes: over whose devices mean and variance are taken.
      dtype: of the first result; the arithmetic is at least float32.
    """
    return _norm_relu(*alike(x, scale, bias), axes, dtype)


@partial(jax.custom_vjp, nondiff_argnums=(3, 4))
def _norm_relu(x: Array, scale: Array, bias: Array, axes: Axes, dtype: Any) -> Result:
    return _forward(x, scale, bias, axes, dtype)[0]


def _forward(
    x: Array, scale: Array, bias: Array, axes: Axes, dtype: Any
) -> tuple[Result, tuple[Array, ...]]:
    wide = _widened(x)
    moments = jnp.mean(wide, PIXELS), jnp.mean(wide * wide, PIXELS)
    mean, square = lax.pmean(moments, axes) if axes else moments
    var = jnp.maximum(0, square - mean * mean)
    y = jnp.maximum(_normalised(wide, mean, var, scale, bias), 0)
    return (y.astype(dtype), mean, var), (x, mean, var, scale, bias)


def _backward(axes: Axes, dtype: Any, residuals: tuple[Array, ...], cotangents):
    del dtype
    x, mean, var, scale, bias = residuals
    wide = _widened(x)
    passed = _normalised(wide, mean, var, scale, bias) > 0
    slope = jnp.where(passed, cotangents[0].astype(wide.dtype), 0)
    centred = wide - mean
    own = jnp.sum(slope, PIXELS), jnp.sum(slope * centred, PIXELS)
    # What the batch's statistics add: they depend on all pixels of all devices.
    count = x.size // x.shape[-1] * (lax.psum(1, axes) if axes else 1)
    summed, moment = lax.psum(own, axes) if axes else own
    inverse = lax.rsqrt(var + NORM_EPSILON)
    shared = summed / count + centred * (inverse * inverse * moment / count)
    of_x = (scale * inverse) * (slope - shared)
    return of_x.astype(x.dtype), own[1] * inverse, own[0]


_norm_relu.defvjp(_forward, _backward)


def _normalised(wide: Array, mean: Array, var: Array, scale: Array, bias: Array) -> Array:
    return (wide - mean) * (lax.rsqrt(var + NORM_EPSILON) * scale) + bias


def _widened(x: Array) -> Array:
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))
