"""The convolutions of the networks, in the form that each platform runs fastest.

On all platforms but CPUs they are XLA's own. On a CPU XLA runs a convolution's gradients at a
fraction of the speed of a matrix product (down to 1 GFLOP/s of 165). There they are written as
matrix products, with Winograd's savings where these apply. Both forms agree to rounding.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from glcic_jax.layers.narrow import narrow, narrow_deconvolution
from glcic_jax.layers.plain import plain_convolution, plain_deconvolution
from glcic_jax.layers.winograd import winograd

FEW_CHANNELS = 32
"""With up to so many channels, in or out, Winograd's transforms cost more than they save: without
them layers of 16 and 32 channels take half to three quarters of the time."""

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
    return _by_platform(plain, _fast(x, kernel, stride, dilation), *_alike(x, kernel))


def deconvolution(
    x: Float[Array, "b h w i"], kernel: Float[Array, "4 4 o i"]
) -> Float[Array, "b 2*h 2*w o"]:
    """Deconvolves with 4x4 taps, stride 2 and padding 1 (GLCIC, table 2, layers 13 and 15).

    A deconvolution is the linear transpose of a strided convolution from o to i channels. `kernel`
    is the kernel of that convolution.
    """
    if _open(x):
        return plain_deconvolution(x, kernel)
    fast = plain_deconvolution
    if _worthwhile(x, x.size * kernel.size // x.shape[-1]):
        few = min(kernel.shape[2:]) <= FEW_CHANNELS
        fast = narrow_deconvolution if few else deconvolution_in_phases
    return _by_platform(plain_deconvolution, fast, *_alike(x, kernel))


def dilated(x: Array, kernel: Array, dilation: int = 1) -> Array:
    """Computes `convolution` with 3 x 3 taps and stride 1 by Winograd's method."""
    height, width = x.shape[1:3]
    pads = ((0, 0), (0, -height % dilation), (0, -width % dilation), (0, 0))
    output: Array = winograd(jnp.pad(x, pads), kernel, (1, 1), dilation)
    return output[:, :height, :width]


def strided(x: Array, kernel: Array) -> Array:
    """Computes `convolution` with 3 x 3 or 5 x 5 taps and stride 2 by Winograd's method.

    A picture has four phases: its even or odd rows, and of these the even or odd columns. Stacked
    as four times as many channels they turn the convolution into one of stride 1 with half as many
    taps.
    """
    batch, height, width, inputs = x.shape
    pad = (len(kernel) - 1) // 2
    before = pad % 2  # so that the first tap falls on an even row
    taps = (len(kernel) + 1) // 2
    kernel = jnp.pad(kernel, (*2 * [(before, 1 - before)], (0, 0), (0, 0)))
    kernel = kernel.reshape(taps, 2, taps, 2, inputs, -1).transpose(0, 2, 1, 3, 4, 5)
    x = jnp.pad(x, ((0, 0), (0, height % 2), (0, width % 2), (0, 0)))
    x = x.reshape(batch, -(-height // 2), 2, -(-width // 2), 2, inputs).transpose(0, 1, 3, 2, 4, 5)
    merged = kernel.reshape(taps, taps, 4 * inputs, -1)
    return winograd(x.reshape(*x.shape[:3], 4 * inputs), merged, (1, taps - 2))


def deconvolution_in_phases(x: Array, kernel: Array) -> Array:
    """Computes `deconvolution` by Winograd's method.

    Each of the output's four phases (even or odd rows, even or odd columns) is a convolution of x
    with every other tap. All four read the same pairs of neighbours; an odd row or column takes the
    pair of the next pixel.
    """
    batch, height, width, inputs = x.shape
    outputs = kernel.shape[2]
    merged = kernel[::-1, ::-1].reshape(2, 2, 2, 2, outputs, inputs).transpose(0, 2, 5, 1, 3, 4)
    phases: Array = winograd(x, merged.reshape(2, 2, inputs, 4 * outputs), (1, 1))
    phases = phases.reshape(batch, height + 1, width + 1, 2, 2, outputs)
    rows = [
        jnp.stack([phases[:, r : r + height, c : c + width, r, c] for c in (0, 1)], axis=3)
        for r in (0, 1)
    ]
    return jnp.stack(rows, axis=2).reshape(batch, 2 * height, 2 * width, outputs)


def _fast(x: Array, kernel: Array, stride: int, dilation: int):
    """Returns the fastest form on a CPU, as a function of (x, kernel)."""
    plain = partial(plain_convolution, stride=stride, dilation=dilation)
    inputs, outputs = kernel.shape[2:]
    if not _worthwhile(x, x.size // stride**2 * kernel.size // inputs):
        return plain
    if min(inputs, outputs) <= FEW_CHANNELS:
        return partial(narrow, stride=stride, dilation=dilation)
    if stride == 1 and len(kernel) == 3:
        return partial(dilated, dilation=dilation)
    return strided if stride == 2 and len(kernel) in (3, 5) else plain


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


def _alike(x: Array, kernel: Array) -> tuple[Array, Array]:
    """Marks both arrays as differing between devices if either does.

    JAX then sums the gradient of a replicated kernel over the devices of a shard_map. Without the
    mark a gradient written by hand would have to do that.
    """
    axes = _varying(x) | _varying(kernel)
    x = lax.pcast(x, tuple(axes - _varying(x)), to="varying")
    return x, lax.pcast(kernel, tuple(axes - _varying(kernel)), to="varying")


def _open(x: Array) -> bool:
    """Returns whether a size is left open, as in an exported program.

    The best form is not known then.
    """
    return not all(isinstance(size, int) for size in x.shape)


def _varying(array: Array) -> frozenset[str]:
    """Returns the axes of the mesh along which the devices hold different values."""
    return jax.typeof(array).manual_axis_type.varying
