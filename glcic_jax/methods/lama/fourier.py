"""Transforms features to frequencies over height and width, and back, in float32.

Both keep the sum of squares ("ortho"). Where a size is left open, as in an exported program, the
transforms are products with the matrices of cosines and sines: XLA's own take fixed sizes only.
"""

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float


def to_frequencies(x: Float[Array, "b h w c"]) -> Float[Array, "b h w/2+1 2*c"]:
    """Returns the half spectrum of each channel: all real parts, then all imaginary ones.

    Args:
      x: float32 features of any size.
    """
    if fixed(x):
        spectrum = jnp.fft.rfft2(x, axes=(1, 2), norm="ortho")
        return jnp.concatenate([spectrum.real, spectrum.imag], axis=-1)
    height, width = x.shape[1:3]
    across = _waves(jnp.arange(width // 2 + 1), width)
    real, imaginary = (jnp.einsum("kw,bhwc->bhkc", wave, x) for wave in across)
    down = _waves(jnp.arange(height), height)
    return jnp.concatenate(_turned(*down, real, imaginary), axis=-1)


def from_frequencies(
    spectrum: Float[Array, "b h w/2+1 2*c"], height: int, width: int
) -> Float[Array, "b h w c"]:
    """Undoes `to_frequencies`; of spectra that no picture has, what cannot be is left out.

    Like all such transforms it does not read the imaginary parts of the first column, and of the
    last one where `width` is even, once the columns are transformed.

    Args:
      spectrum: real parts, then imaginary ones.
      height: of the result.
      width: of the result.
    """
    real, imaginary = jnp.split(spectrum, 2, axis=-1)
    if fixed(spectrum):
        both = lax.complex(real, imaginary)
        return jnp.fft.irfft2(both, s=(height, width), axes=(1, 2), norm="ortho")
    cosine, sine = _waves(jnp.arange(height), height)
    real, imaginary = _turned(cosine, -sine, real, imaginary)
    frequency = jnp.arange(width // 2 + 1)
    alone = (frequency == 0) | (2 * frequency == width)  # the others stand for two each
    cosine, sine = (jnp.where(alone, 1, 2)[:, None] * wave for wave in _waves(frequency, width))
    return jnp.einsum("kw,bhkc->bhwc", cosine, real) + jnp.einsum("kw,bhkc->bhwc", sine, imaginary)


def _waves(frequencies: Array, size: int) -> tuple[Array, Array]:
    """Returns the real and the imaginary part of exp(-2 pi i k n / size) / sqrt(size), [k, n].

    The product of k and n is reduced to below `size` as whole numbers, so that angles stay exact.
    """
    turns = (frequencies[:, None] * jnp.arange(size)) % size
    angles = 2 * jnp.pi * turns.astype(jnp.float32) / size
    scale = lax.rsqrt(jnp.asarray(size, jnp.float32))
    return jnp.cos(angles) * scale, -jnp.sin(angles) * scale


def _turned(cosine: Array, sine: Array, real: Array, imaginary: Array) -> tuple[Array, Array]:
    """Returns the complex product of a matrix with columns of features, in its two parts."""

    def product(matrix: Array, x: Array) -> Array:
        return jnp.einsum("kh,bhwc->bkwc", matrix, x)

    return (
        product(cosine, real) - product(sine, imaginary),
        product(cosine, imaginary) + product(sine, real),
    )


def fixed(x: Array) -> bool:
    """Returns whether all sizes are known numbers."""
    return all(isinstance(size, int) for size in x.shape)
