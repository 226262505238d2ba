"""Convolutions of few channels, for CPUs: several pixels of a row at once.

A convolution is a matrix product per pixel, and XLA's own runs at a fraction of its rate where the
matrices are small. Neighbouring pixels that share a window make one matrix of them: its weights are
those of a pixel, shifted, with zeros between. That multiplies more, and is faster all the same.
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from glcic_jax.layers.plain import LAYOUT, plain_convolution

FEW_INPUTS = 8
"""With up to so many input channels windows are narrow too, and more pixels are taken at once."""

OUTPUTS = 16
"""Outputs, of all pixels that are taken at once, that a matrix shall have; twice as many with few
inputs."""


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def narrow(
    x: Float[Array, "b h w i"], kernel: Float[Array, "k k i o"], stride: int = 1, dilation: int = 1
) -> Float[Array, "b H W o"]:
    """Computes `convolution` of few channels."""
    pad = dilation * (len(kernel) - 1) // 2
    return in_columns(x, kernel, ((pad, pad), (pad, pad)), stride, dilation)


def _forward(x: Array, kernel: Array, stride: int, dilation: int):
    return narrow(x, kernel, stride, dilation), (x, kernel)


def _backward(stride: int, dilation: int, residuals: tuple[Array, Array], cotangent: Array):
    x, kernel = residuals
    pad = dilation * (len(kernel) - 1) // 2
    plain = partial(plain_convolution, x, stride=stride, dilation=dilation)
    (of_kernel,) = jax.vjp(plain, kernel)[1](cotangent)
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
    """Computes `deconvolution` of few channels."""
    return spread(x, kernel, 1)


def _deconvolution_forward(x: Array, kernel: Array):
    return narrow_deconvolution(x, kernel), (x, kernel)


def _deconvolution_backward(residuals: tuple[Array, Array], cotangent: Array):
    x, kernel = residuals

    def transpose(kernel: Array) -> Array:
        return in_columns(cotangent, kernel, ((1, 1), (1, 1)), stride=2)

    gradient, of_kernel = jax.vjp(transpose, kernel)
    return gradient, of_kernel(x)[0]


narrow_deconvolution.defvjp(_deconvolution_forward, _deconvolution_backward)


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
