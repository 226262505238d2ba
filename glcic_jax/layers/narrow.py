"""Convolutions for CPUs, by XLA's own operation in the shapes that it runs fastest.

A convolution is a matrix product per pixel, and XLA's own runs at a fraction of its rate where the
matrices are small. Neighbouring pixels that share a window make one matrix of them: its weights are
those of a pixel, shifted, with zeros between. That multiplies more, and is faster all the same.

Gradients are convolutions too: in x, of even and odd pixels apart where the stride is 2; in the
kernel, of bands of rows.
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from glcic_jax.layers.plain import LAYOUT

FEW_INPUTS = 8
"""With up to so many input channels windows are narrow too, and more pixels are taken at once."""

OUTPUTS = 16
"""Outputs, of all pixels that are taken at once, that a matrix shall have; twice as many with few
inputs."""

CACHED = 2**17
"""Numbers in a band of a cotangent at most: half a MiB, a quarter of a core's second-level cache
where this was measured; with half or twice as many the time was the same, or up to a third more."""

FEWEST = 16
"""Channels, in and out, from which bands pay."""


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def narrow(
    x: Float[Array, "b h w i"], kernel: Float[Array, "k k i o"], stride: int = 1, dilation: int = 1
) -> Float[Array, "b H W o"]:
    """Computes `convolution`."""
    pad = dilation * (len(kernel) - 1) // 2
    return in_columns(x, kernel, ((pad, pad), (pad, pad)), stride, dilation)


def _forward(x: Array, kernel: Array, stride: int, dilation: int):
    return narrow(x, kernel, stride, dilation), (x, kernel)


def _backward(stride: int, dilation: int, residuals: tuple[Array, Array], cotangent: Array):
    x, kernel = residuals
    pad = dilation * (len(kernel) - 1) // 2
    of_kernel = kernel_gradient(x, kernel, cotangent, pad, stride, dilation)
    if stride == 1:
        of_x = narrow(cotangent, kernel[::-1, ::-1].swapaxes(2, 3), 1, dilation)
    else:
        of_x = spread(cotangent, kernel, pad)[:, : x.shape[1], : x.shape[2]]
    return of_x, of_kernel


narrow.defvjp(_forward, _backward)


@jax.custom_vjp
def narrow_deconvolution(
    x: Float[Array, "b h w i"], kernel: Float[Array, "4 4 o i"]
) -> Float[Array, "b 2*h 2*w o"]:
    """Computes `deconvolution`."""
    return spread(x, kernel, 1)


def _deconvolution_forward(x: Array, kernel: Array):
    return narrow_deconvolution(x, kernel), (x, kernel)


def _deconvolution_backward(residuals: tuple[Array, Array], cotangent: Array):
    x, kernel = residuals
    of_x = in_columns(cotangent, kernel, ((1, 1), (1, 1)), stride=2)
    return of_x, kernel_gradient(cotangent, kernel, x, 1, stride=2)


narrow_deconvolution.defvjp(_deconvolution_forward, _deconvolution_backward)


def kernel_gradient(
    x: Float[Array, "b h w i"],
    kernel: Float[Array, "k k i o"],
    cotangent: Float[Array, "b H W o"],
    pad: int,
    stride: int = 1,
    dilation: int = 1,
) -> Float[Array, "k k i o"]:
    """Computes the gradient of a convolution in its kernel, by bands of rows that fit the cache.

    To XLA the cotangent is a convolution's kernel, all of which it reads for every few outputs.

    Args:
      x: what is convolved.
      kernel: its values do not matter.
      cotangent: of the convolution's output.
      pad: zeros before the first row and column.
      stride: of the convolution.
      dilation: distance of the kernel's taps in pixels.
    """
    (height, width, outputs), reach = cotangent.shape[1:], dilation * (len(kernel) - 1)
    wanted = -(-cotangent.size // CACHED) if min(x.shape[3], outputs) >= FEWEST else 1
    rows = -(-height // wanted)
    bands = -(-height // rows)
    down, across = (
        (pad, stride * (edge - 1) + reach + 1 - pad - size)
        for edge, size in zip((bands * rows, width), x.shape[1:3], strict=True)
    )

    def of_band(seen: Array, band: Array, down: tuple[int, int]) -> Array:
        convolve = partial(
            lax.conv_general_dilated, seen, window_strides=(stride, stride),
            padding=(down, across), rhs_dilation=(dilation, dilation), dimension_numbers=LAYOUT,
        )  # fmt: skip
        return jax.vjp(convolve, kernel)[1](band)[0]

    if bands == 1:
        return of_band(x, cotangent, down)
    x = lax.pad(x, jnp.zeros((), x.dtype), ((0, 0, 0), (*down, 0), (0, 0, 0), (0, 0, 0)))
    cotangent = jnp.pad(cotangent, ((0, 0), (0, bands * rows - height), (0, 0), (0, 0)))
    read = stride * (rows - 1) + reach + 1
    # XLA unrolls slices at known places into twice as much code as those that it cannot see.
    firsts = lax.optimization_barrier(jnp.arange(bands) * rows)
    gradient, *others = (
        of_band(
            lax.dynamic_slice_in_dim(x, stride * firsts[number], read, axis=1),
            lax.dynamic_slice_in_dim(cotangent, firsts[number], rows, axis=1),
            (0, 0),
        )
        for number in range(bands)
    )
    return sum(others, gradient)


Pads = tuple[tuple[int, int], tuple[int, int]]
"""Zeros before and after rows and columns."""


def in_columns(
    x: Float[Array, "b h w i"],
    kernel: Float[Array, "p q i o"],
    pads: Pads,
    stride: int = 1,
    dilation: int = 1,
) -> Float[Array, "b H W o"]:
    """Convolves with any zero padding, several pixels of a row at once where that pays."""
    return columns(kernel, pads, stride, dilation)(x)


def columns(
    kernel: Float[Array, "p q i o"], pads: Pads, stride: int = 1, dilation: int = 1
) -> Callable[[Array], Array]:
    """Returns `in_columns` as a function of x, with its matrix made: for loops over tiles."""
    taps, (inputs, outputs) = kernel.shape[1], kernel.shape[2:]
    most = (2 if inputs <= FEW_INPUTS else 1) * OUTPUTS
    at_once = 1
    while 2 * at_once * outputs <= most and stride == dilation == 1:
        at_once *= 2
    shifted = [
        jnp.pad(kernel, ((0, 0), (n, at_once - 1 - n), (0, 0), (0, 0))) for n in range(at_once)
    ]
    matrix = jnp.concatenate(shifted, axis=-1)

    def convolve(x: Array) -> Array:
        width = x.shape[2] + sum(pads[1]) - dilation * (taps - 1)
        output = lax.conv_general_dilated(
            x, matrix, (stride, stride * at_once),
            (pads[0], (pads[1][0], pads[1][1] + -width % at_once)),
            rhs_dilation=(dilation, dilation), dimension_numbers=LAYOUT,
        )  # fmt: skip
        if at_once == 1:
            return output
        return output.reshape(*output.shape[:2], -1, outputs)[:, :, :width]

    return convolve


def spread(
    x: Float[Array, "b h w i"], kernel: Float[Array, "k k o i"], pad: int
) -> Float[Array, "b 2*h 2*w o"]:
    """Computes the linear transpose of a convolution with stride 2 and `pad` zeros around."""
    return spreading(kernel, pad)(x)


def spreading(kernel: Float[Array, "k k o i"], pad: int) -> Callable[[Array], Array]:
    """Returns `spread` as a function of x, with its matrices made: for loops over tiles.

    Rows with even and odd numbers are convolutions of x with every other row of taps. Both pixels
    of a pair in a row are computed at once.
    """
    taps, outputs = len(kernel), kernel.shape[2]
    # Of the taps that even and odd pixels meet: the last one, and how many pixels it looks back.
    firsts = [phase + pad + 2 * ((taps - 1 - phase - pad) // 2) for phase in (0, 1)]
    befores = [(taps - 1 - phase - pad) // 2 for phase in (0, 1)]
    afters = [(phase + pad) // 2 for phase in (0, 1)]
    before, after = max(befores), max(afters)
    weights = jnp.swapaxes(kernel, 2, 3)
    matrices = []
    for first in firsts:
        rows = weights[first::-2]
        sides = [
            jnp.pad(
                rows[:, firsts[side] :: -2],
                (
                    (0, 0),
                    (before - befores[side], after - afters[side]),
                    (0, 0),
                    (0, 0),
                ),
            )
            for side in (0, 1)
        ]
        matrices.append(jnp.concatenate(sides, axis=-1))

    def convolve(x: Array) -> Array:
        batch, height, width, _ = x.shape
        rows = [
            lax.conv_general_dilated(
                x, matrix, (1, 1), ((above, below), (before, after)), dimension_numbers=LAYOUT
            )
            for matrix, above, below in zip(matrices, befores, afters, strict=True)
        ]
        return jnp.stack(rows, axis=2).reshape(batch, 2 * height, 2 * width, outputs)

    return convolve
