"""The losses of partial convolutions, computed by hand."""

import numpy as np

from glcic_jax.methods.losses import masked_l1, perceptual_loss
from glcic_jax.methods.partial_conv.losses import (
    gram,
    style_loss,
    total_variation_loss,
    valid_loss,
)

rng = np.random.default_rng(0)


def test_losses_of_pixels_by_hand():
    target = np.zeros((1, 1, 4, 3), np.float32)
    output = np.array([1, 2, 4, 8], np.float32).reshape(1, 1, 4, 1).repeat(3, axis=3)
    mask = np.array([0, 0, 0, 1], np.float32).reshape(1, 1, 4, 1)
    assert valid_loss(output, target, mask) == 7 / 4
    assert masked_l1(output, target, mask) == 8 / 4
    # The hole and its neighbour: one pair of pixels, |8 - 4|, over four places.
    np.testing.assert_allclose(total_variation_loss(output, mask), 4 / 4)


def test_total_variation_looks_one_pixel_around_the_hole_and_not_further():
    completed = rng.random((1, 8, 8, 3)).astype(np.float32)
    mask = np.zeros((1, 8, 8, 1), np.float32)
    mask[0, 3, 4] = 1
    region = completed[:, 2:5, 3:6]
    expected = (np.abs(np.diff(region, axis=1)).sum() + np.abs(np.diff(region, axis=2)).sum()) / 192
    np.testing.assert_allclose(total_variation_loss(completed, mask), expected, rtol=1e-5)


def test_losses_of_features_by_hand():
    a = [np.ones((1, 2, 2, 3), np.float32), 2 * np.ones((1, 1, 1, 2), np.float32)]
    b = [np.zeros((1, 2, 2, 3), np.float32), np.zeros((1, 1, 1, 2), np.float32)]
    np.testing.assert_allclose(gram(a[0]), np.full((1, 3, 3), 4 / 12), rtol=1e-6)
    np.testing.assert_allclose(gram(a[1]), np.full((1, 2, 2), 4 / 2), rtol=1e-6)
    np.testing.assert_allclose(perceptual_loss(a, b), 1 + 2)
    np.testing.assert_allclose(style_loss(a, b), 4 / 12 + 4 / 2, rtol=1e-6)
