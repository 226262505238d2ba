"""Compares fast forms with XLA's own, values and gradients, and checks each platform's choice."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.sharding import PartitionSpec

from glcic_jax.layers.convolution import FEW_CHANNELS, convolution, deconvolution
from glcic_jax.layers.plain import plain_convolution, plain_deconvolution
from glcic_jax.layers.winograd import TILES, matrices, winograd
from glcic_jax.runtime.devices import DATA, make_mesh

rng = np.random.default_rng(0)


def normal(*shape):
    return jnp.asarray(rng.normal(size=shape), jnp.float32)


def values_and_gradients(function, x, kernel):
    """Returns the output, and its gradients for one fixed cotangent."""

    @jax.jit
    def both(x, kernel):
        output, back = jax.vjp(function, x, kernel)
        return output, *back(jax.random.normal(jax.random.key(1), output.shape))

    return jax.device_get(both(x, kernel))


def assert_agree(ours, plain, tolerance):
    """Compares to within a share of the spread of the values."""
    for name, a, b in zip(("output", "dx", "dk"), ours, plain, strict=True):
        assert a.shape == b.shape, name
        np.testing.assert_allclose(a, b, atol=tolerance * b.std(), err_msg=name)


@pytest.fixture(autouse=True)
def _fast_however_small(monkeypatch):
    monkeypatch.setattr("glcic_jax.layers.convolution.LITTLE_WORK", 0)


@pytest.mark.parametrize("taps", [2, 3])
@pytest.mark.parametrize("tile", TILES)
def test_the_matrices_convolve(tile, taps):
    to_input, to_kernel, to_output = matrices(tile, taps)
    signal, kernel = rng.normal(size=tile + taps - 1), rng.normal(size=taps)
    ours = to_output @ ((to_kernel @ kernel) * (to_input @ signal))
    np.testing.assert_allclose(ours, np.correlate(signal, kernel, "valid"), atol=1e-14)


WIDE, NARROW = FEW_CHANNELS + 1, 3


@pytest.mark.parametrize(
    ("size", "taps", "inputs", "outputs", "stride", "dilation"),
    [
        ((64, 50), 3, WIDE, WIDE + 1, 1, 1),  # tiles of 4, which do not divide the width
        ((9, 7), 3, WIDE, WIDE, 1, 2),  # nor does the dilation
        ((8, 8), 3, WIDE, WIDE, 1, 16),  # only the central tap meets the picture
        ((9, 7), 3, WIDE, WIDE, 2, 1),
        ((64, 64), 5, WIDE, WIDE, 2, 1),
        ((5, 5), 5, WIDE, WIDE, 2, 1),  # a discriminator's last layer
        ((12, 10), 5, NARROW, WIDE, 1, 1),  # the completion network's first layer
        ((13, 10), 5, NARROW, WIDE, 2, 1),  # a discriminator's first layer
        ((12, 10), 3, WIDE, NARROW, 1, 1),  # the completion network's last layer
        ((9, 11), 3, 8, NARROW, 1, 1),  # eight pixels at once, which do not divide the width
        ((9, 11), 3, 5, 4, 1, 3),
        ((8, 11), 3, 5, 20, 2, 1),  # its gradient in x is odd in one direction
    ],
)
def test_fast_convolutions_agree_with_plain_ones(size, taps, inputs, outputs, stride, dilation):
    x, kernel = normal(2, *size, inputs), normal(taps, taps, inputs, outputs)
    ours = values_and_gradients(lambda x, k: convolution(x, k, stride, dilation), x, kernel)
    plain = values_and_gradients(lambda x, k: plain_convolution(x, k, stride, dilation), x, kernel)
    assert ours[0].shape == (2, -(-size[0] // stride), -(-size[1] // stride), outputs)
    assert_agree(ours, plain, 1e-4)


@pytest.mark.parametrize(
    ("size", "taps", "stride", "dilation"),
    [((9, 11), 3, 1, 1), ((16, 16), 5, 2, 1), ((13, 10), 3, 2, 1), ((12, 9), 3, 1, 4)],
)
def test_kernel_gradients_by_bands_of_rows_agree(monkeypatch, size, taps, stride, dilation):
    monkeypatch.setattr("glcic_jax.layers.narrow.CACHED", 500)  # several bands, the last not full
    x, kernel = normal(2, *size, 16), normal(taps, taps, 16, 17)
    ours = values_and_gradients(lambda x, k: convolution(x, k, stride, dilation), x, kernel)
    plain = values_and_gradients(lambda x, k: plain_convolution(x, k, stride, dilation), x, kernel)
    assert_agree(ours, plain, 1e-4)


@pytest.mark.parametrize(("size", "channels"), [((5, 7), (3, 6)), ((32, 32), (WIDE, WIDE))])
def test_deconvolution_is_the_transpose_of_the_strided_convolution(size, channels):
    def transpose(y, kernel):
        layout = ("NHWC", "HWIO", "NHWC")
        return lax.conv_general_dilated(
            y, kernel, (2, 2), ((1, 1), (1, 1)), dimension_numbers=layout
        )

    def definition(x, kernel):
        like = jax.ShapeDtypeStruct((2, 2 * size[0], 2 * size[1], outputs), x.dtype)
        return jax.linear_transpose(lambda y: transpose(y, kernel), like)(x)[0]

    outputs, inputs = channels
    x, kernel = normal(2, *size, inputs), normal(4, 4, outputs, inputs)
    exact = values_and_gradients(definition, x, kernel)
    assert_agree(values_and_gradients(deconvolution, x, kernel), exact, 1e-4)
    assert_agree(values_and_gradients(plain_deconvolution, x, kernel), exact, 1e-5)


@pytest.mark.parametrize(("size", "worst"), [(64, 1.5e-5), (2, 5e-6)])
def test_rounding_of_a_full_layer_stays_small(size, worst):
    """Bounds the error's spread over the output's, with 256 channels, for tiles of 4 and of 2."""
    x, kernel = normal(1, size, size, 256), normal(3, 3, 256, 256)
    exact = plain_convolution(x, kernel)
    error = jnp.asarray(winograd(x, kernel, (1, 1))) - exact
    assert 0 < float(error.std() / exact.std()) < worst


def operations(function, *arrays, platform):
    text = jax.jit(function).trace(*arrays).lower(lowering_platforms=(platform,)).as_text()
    return "stablehlo.convolution" in text, "stablehlo.dot_general" in text


def test_only_cpus_multiply_matrices():
    def gradients(x, kernel, cotangent):
        return jax.vjp(convolution, x, kernel)[1](cotangent)

    x, kernel = normal(1, 8, 8, WIDE), normal(3, 3, WIDE, WIDE)
    arrays = (x, kernel, convolution(x, kernel))
    for compiled in (lambda x, kernel, _: convolution(x, kernel), gradients):
        assert operations(compiled, *arrays, platform="cpu") == (False, True)
        assert operations(compiled, *arrays, platform="cuda") == (True, False)


def test_bfloat16_is_left_to_xla():
    x, kernel = (a.astype(jnp.bfloat16) for a in (normal(1, 8, 8, 16), normal(3, 3, 16, 16)))
    np.testing.assert_array_equal(convolution(x, kernel), plain_convolution(x, kernel))


@pytest.mark.parametrize(
    ("function", "kernel"),
    [
        (convolution, (3, 3, WIDE, WIDE)),
        (convolution, (5, 5, 3, 16)),
        (deconvolution, (4, 4, WIDE, WIDE)),
        (deconvolution, (4, 4, 16, 16)),
    ],
    ids=["dilated", "narrow", "deconvolution", "narrow deconvolution"],
)
def test_gradients_on_four_devices_are_those_on_one(function, kernel):
    """Compares gradients of a kernel that is the same on all devices: theirs are summed."""
    kernel = normal(*kernel)
    x = normal(4, 8, 8, kernel.shape[3 if function is deconvolution else 2])

    def loss(x, kernel):
        return jax.lax.pmean(jnp.mean(function(x, kernel) ** 2), DATA)

    def gradients(devices):
        on_all = jax.shard_map(
            jax.value_and_grad(loss, argnums=1), mesh=make_mesh(jax.devices()[:devices]),
            in_specs=(PartitionSpec(DATA), PartitionSpec()), out_specs=PartitionSpec(),
        )  # fmt: skip
        return jax.device_get(jax.jit(on_all)(x, kernel))

    for one, four in zip(gradients(1), gradients(4), strict=True):
        np.testing.assert_allclose(four, one, rtol=1e-4, atol=1e-5)


def test_little_work_is_left_to_xla(monkeypatch):
    x, kernel = normal(1, 8, 8, WIDE), normal(3, 3, WIDE, WIDE)
    monkeypatch.setattr("glcic_jax.layers.convolution.LITTLE_WORK", 8 * 8 * 9 * WIDE * WIDE)
    assert operations(lambda *a: convolution(*a), x, kernel, platform="cpu") == (True, False)  # noqa: PLW0108
    monkeypatch.setattr("glcic_jax.layers.convolution.LITTLE_WORK", 8 * 8 * 9 * WIDE * WIDE - 1)
    assert operations(convolution, x, kernel, platform="cpu") == (False, True)
