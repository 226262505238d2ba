"""Layers in tiles equal layers on whole pictures, for every size that an array can hold."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from glcic_jax.layers.ops import pad_to_multiple
from glcic_jax.layers.plain import plain_convolution, plain_deconvolution
from glcic_jax.layers.smooth_fill import smooth_fill
from glcic_jax.layers.tiles import (
    canvas,
    inner_convolution,
    inner_deconvolution,
    mirrored,
    over_tiles,
)

RNG = np.random.default_rng(0)
PLACE = 48
"""Edge of the arrays, which hold three tiles."""


def random(*shape):
    return RNG.standard_normal(shape, np.float32)


def placed(x, rubbish=7.0):
    """The picture at the top left of an array of rubbish."""
    whole = np.full((1, PLACE, PLACE, x.shape[-1]), rubbish, np.float32)
    whole[:, : x.shape[1], : x.shape[2]] = x
    return whole


def tiled(layer, **options):
    """A jitted function of (array, height, width, added), compiled once for all sizes."""

    @jax.jit
    def run(x, height, width, added=None):
        source = canvas(x, (height, width), 8)
        scale = options.get("up", 1) / options.get("down", 1)
        if added is not None:
            more = canvas(added, (int(scale) * height, int(scale) * width), 3)
            return over_tiles(layer, source, margin=5, added=more, **options)
        return over_tiles(layer, source, margin=5, **options)

    return run


@pytest.mark.parametrize("dilation", [1, 3])
def test_a_convolution_equals_that_of_the_whole_picture_at_every_remainder(dilation):
    kernel = random(3, 3, 4, 5)
    run = tiled(
        inner_convolution(kernel, dilation=dilation),
        features=5, halo=dilation, edge=16,
    )  # fmt: skip
    for size in range(1, PLACE + 1):
        height, width = size, 1 + (size * 7) % PLACE
        x = random(1, height, width, 4)
        result = run(placed(x), height, width)
        values = np.array(result.values)[:, 5:-5, 5:-5]
        expected = plain_convolution(x, kernel, dilation=dilation)
        np.testing.assert_allclose(values[:, :height, :width], expected, atol=2e-5)
        values[:, :height, :width] = 0
        assert not values.any()  # nothing outside of the picture, nor in the margin
        assert not np.asarray(result.values)[:, :5].any()


def test_strided_layers_and_deconvolutions_equal_those_of_the_whole_picture():
    down, up = random(3, 3, 4, 6), random(4, 4, 3, 4)
    halve = tiled(inner_convolution(down, 2), features=6, halo=1, edge=8, down=2)
    double = tiled(inner_deconvolution(up), features=3, halo=1, edge=32, up=2)
    for height, width in ((48, 48), (2, 46), (34, 18), (20, 32)):
        x = random(1, height, width, 4)
        halved = np.asarray(halve(placed(x), height, width).values)[:, 5:-5, 5:-5]
        expected = plain_convolution(x, down, 2)
        np.testing.assert_allclose(halved[:, : height // 2, : width // 2], expected, atol=2e-5)
        doubled = np.asarray(double(placed(x), height, width).values)[:, 5:-5, 5:-5]
        expected = plain_deconvolution(x, up)
        np.testing.assert_allclose(doubled[:, : 2 * height, : 2 * width], expected, atol=2e-5)


def test_features_are_added_tile_by_tile():
    kernel = random(3, 3, 4, 4)
    run = tiled(inner_convolution(kernel), features=4, halo=1, edge=16)
    x, more = random(1, 37, 20, 4), random(1, 37, 20, 4)
    result = np.asarray(run(placed(x), 37, 20, placed(more)).values)[:, 5:-5, 5:-5]
    expected = plain_convolution(x, kernel) + more
    np.testing.assert_allclose(result[:, :37, :20], expected, atol=2e-5)


def test_pictures_are_mirrored_as_whole_ones_are():
    mirror = jax.jit(lambda x, height, width: mirrored(x, (height, width), 8))
    for height, width in ((1, 2), (3, 9), (8, 41), (47, 48), (13, 5)):
        x = random(1, height, width, 2)
        expected = np.asarray(pad_to_multiple(jnp.asarray(x), 8))
        found = np.asarray(mirror(placed(x), height, width))
        np.testing.assert_array_equal(found[:, : expected.shape[1], : expected.shape[2]], expected)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(65, 100), (128, 128)])
def test_a_smooth_fill_equals_that_of_the_picture_alone(size):
    height, width = size
    image = RNG.random((1, height, width, 3), np.float32)
    mask = np.zeros((1, height, width, 1), np.float32)
    mask[:, 10:50, 5:70] = mask[:, -4:, :] = 1
    arrays = [np.full((1, 192, 192, x.shape[-1]), 0.5, np.float32) for x in (image, mask)]
    for array, x in zip(arrays, (image, mask), strict=True):
        array[:, :height, :width] = x
    within = jax.jit(lambda image, mask, h, w: smooth_fill(image, mask, (h, w)))
    found = np.asarray(within(*arrays, height, width))[:, :height, :width]
    np.testing.assert_allclose(found, smooth_fill(image, mask), atol=1e-6)
