"""Convolves by XLA's own operations, which all other forms must agree with."""

import jax
from jax import lax
from jaxtyping import Array

LAYOUT = ("NHWC", "HWIO", "NHWC")
"""Axes of features, of kernels and of results."""


def plain_convolution(x: Array, kernel: Array, stride: int = 1, dilation: int = 1) -> Array:
    """Computes `convolution` by XLA's own operation."""
    pad = dilation * (len(kernel) - 1) // 2
    return lax.conv_general_dilated(
        x, kernel, (stride, stride), ((pad, pad), (pad, pad)),
        rhs_dilation=(dilation, dilation), dimension_numbers=LAYOUT,
    )  # fmt: skip


@jax.custom_vjp
def plain_deconvolution(x: Array, kernel: Array) -> Array:
    """Computes `deconvolution` by XLA's own operation.

    Its gradients are written as those of the strided convolution, which XLA has on all platforms.
    """
    return lax.conv_transpose(
        x, kernel, (2, 2), ((2, 2), (2, 2)), dimension_numbers=LAYOUT, transpose_kernel=True
    )


def _plain_forward(x: Array, kernel: Array):
    return plain_deconvolution(x, kernel), (x, kernel)


def _plain_backward(residuals: tuple[Array, Array], cotangent: Array):
    x, kernel = residuals

    def transpose(kernel: Array) -> Array:
        return lax.conv_general_dilated(
            cotangent, kernel, (2, 2), ((1, 1), (1, 1)), dimension_numbers=LAYOUT
        )

    gradient, of_kernel = jax.vjp(transpose, kernel)
    return gradient, of_kernel(x)[0]


plain_deconvolution.defvjp(_plain_forward, _plain_backward)
