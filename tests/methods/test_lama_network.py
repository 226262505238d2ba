"""LaMa's layers, one by one: transforms, mirrored edges, and sizes that grow."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from glcic_jax.methods.lama import fourier
from glcic_jax.methods.lama.completing import repeated
from glcic_jax.methods.lama.network import _mirrored
from glcic_jax.methods.lama.sizes import channels, local_channels

rng = np.random.default_rng(0)


@pytest.mark.parametrize("size", [(6, 8), (5, 7)])
def test_both_ways_of_transforming_agree(size, monkeypatch):
    """Tries spectra of pictures, and of none: a network makes the latter."""
    height, width = size
    x = rng.normal(size=(2, *size, 3)).astype(np.float32)
    wild = rng.normal(size=(2, height, width // 2 + 1, 6)).astype(np.float32)

    def transformed():
        def function(x, wild):
            spectrum = fourier.to_frequencies(x)
            back = fourier.from_frequencies(spectrum, *size)
            return spectrum, back, fourier.from_frequencies(wild, *size)

        return jax.jit(function)(x, wild)

    ours = transformed()
    theirs = np.fft.rfft2(x, axes=(1, 2), norm="ortho")
    np.testing.assert_allclose(ours[0], np.concatenate([theirs.real, theirs.imag], -1), atol=1e-5)
    monkeypatch.setattr(fourier, "fixed", lambda x: False)
    for left, right in zip(ours, transformed(), strict=True):
        np.testing.assert_allclose(left, right, atol=1e-5)
    np.testing.assert_allclose(ours[1], x, atol=1e-5)


@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (7, 1), (3, 2)])
def test_edges_are_mirrored_without_the_outermost(kernel, stride):
    x = jnp.asarray(rng.normal(size=(1, 10, 8, 2)), jnp.float32)
    weights = jnp.asarray(rng.normal(size=(kernel, kernel, 2, 3)), jnp.float32)
    pad = kernel // 2
    wide = np.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)), mode="reflect")
    expected = jax.lax.conv_general_dilated(
        wide, weights, (stride, stride), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    np.testing.assert_allclose(_mirrored(x, weights, stride), expected, atol=1e-4)


@pytest.mark.parametrize(
    ("size", "grown"), [((16, 24), (16, 24)), ((45, 67), (48, 72)), ((8, 1), (16, 16))]
)
def test_pictures_grow_by_mirroring_with_the_outermost(size, grown):
    x = jnp.asarray(rng.random((1, *size, 4)), jnp.float32)
    pads = [(0, after - before) for before, after in zip(size, grown, strict=True)]
    expected = np.pad(x, ((0, 0), *pads, (0, 0)), mode="symmetric")
    np.testing.assert_array_equal(repeated(x), expected)


def test_channels_are_the_release_s():
    assert channels(64) == (64, 128, 256, 512)
    assert channels(200) == (200, 400, 800, 1024)
    assert (local_channels(512), local_channels(16)) == (128, 4)
