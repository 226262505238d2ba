"""Convolves for the networks, in the form that each platform runs fastest.

On all platforms but CPUs they are XLA's own. On a CPU XLA runs some of a convolution's gradients at
a fraction of the speed of a matrix product (down to 1 GFLOP/s of 165). There they are written as
convolutions that it runs fast, and wide ones by Winograd's method. All forms agree to rounding.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from glcic_jax.layers.narrow import narrow, narrow_deconvolution
from glcic_jax.layers.ops import alike
from glcic_jax.layers.plain import plain_convolution, plain_deconvolution
from glcic_jax.layers.winograd import winograd

FEW_CHANNELS = 64
"""With up to so many channels, in or out, Winograd's transforms cost more than they save: without
them layers of 32 and 64 channels take half to four fifths of the time."""

LITTLE_WORK = 2**23
"""With up to so many multiplications a convolution takes milliseconds at most in any form, and the
plain one compiles faster."""


def convolution(
    x: Float[Array, "b h w i"], kernel: Float[Array, "k k i o"], stride: int = 1, dilation: int = 1
) -> Float[Array, "b H W o"]:
    """Convolves with Torch's zero padding: dilation * (k - 1) / 2 zeros on every side.

    Args:
      x: pictures or features of any size.
      kernel: k is odd.
      stride: 1 or 2.
      dilation: distance of the kernel's taps in pixels; must be 1 if the stride is 2.

    Returns:
      H = h / stride, rounded up, and W likewise.
    """
    plain = partial(plain_convolution, stride=stride, dilation=dilation)
    if _open(x):
        return plain(x, kernel)
    return _by_platform(plain, _fast(x, kernel, stride, dilation), *alike(x, kernel))


def deconvolution(
    x: Float[Array, "b h w i"], kernel: Float[Array, "4 4 o i"]
) -> Float[Array, "b 2*h 2*w o"]:
    """Deconvolves with 4x4 taps, stride 2 and padding 1 (GLCIC, table 2, layers 13 and 15).

    A deconvolution is the linear transpose of a strided convolution from o to i channels. `kernel`
    is the kernel of that convolution.
    """
    if _open(x):
        return plain_deconvolution(x, kernel)
    worthwhile = _worthwhile(x, x.size * kernel.size // x.shape[-1])
    fast = narrow_deconvolution if worthwhile else plain_deconvolution
    return _by_platform(plain_deconvolution, fast, *alike(x, kernel))


def dilated(x: Array, kernel: Array, dilation: int = 1) -> Array:
    """Computes `convolution` with 3 x 3 taps and stride 1 by Winograd's method."""
    height, width = x.shape[1:3]
    pads = ((0, 0), (0, -height % dilation), (0, -width % dilation), (0, 0))
    output: Array = winograd(jnp.pad(x, pads), kernel, (1, 1), dilation)
    return output[:, :height, :width]


def _fast(x: Array, kernel: Array, stride: int, dilation: int):
    """Returns the fastest form on a CPU, as a function of (x, kernel)."""
    plain = partial(plain_convolution, stride=stride, dilation=dilation)
    inputs, outputs = kernel.shape[2:]
    if not _worthwhile(x, x.size // stride**2 * kernel.size // inputs):
        return plain
    if stride == 1 and len(kernel) == 3 and min(inputs, outputs) > FEW_CHANNELS:
        return partial(dilated, dilation=dilation)
    return partial(narrow, stride=stride, dilation=dilation)


def _worthwhile(x: Array, multiplications: int) -> bool:
    """Returns whether another form than XLA's own may be faster on a CPU."""
    return x.dtype == jnp.float32 and multiplications > LITTLE_WORK


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _by_platform(default, cpu, x: Array, kernel: Array) -> Array:
    """Calls one of two functions of (x, kernel) by the platform, and its own gradient likewise."""
    return lax.platform_dependent(x, kernel, cpu=cpu, default=default)


def _by_platform_forward(default, cpu, x: Array, kernel: Array):
    return _by_platform(default, cpu, x, kernel), (x, kernel)


def _by_platform_backward(default, cpu, residuals: tuple[Array, Array], cotangent: Array):
    def gradients(function):
        return lambda x, kernel, cotangent: jax.vjp(function, x, kernel)[1](cotangent)

    return lax.platform_dependent(
        *residuals, cotangent, cpu=gradients(cpu), default=gradients(default)
    )


_by_platform.defvjp(_by_platform_forward, _by_platform_backward)


def _open(x: Array) -> bool:
    """Returns whether a size is left open, as in an exported program.

    The best form is not known then.
    """
    return not all(isinstance(size, int) for size in x.shape)
