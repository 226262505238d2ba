"""Array operations: where a patch lies, what a composite keeps, how pictures are padded."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from glcic_jax.layers.ops import (
    as_float,
    composite,
    crop_patches,
    pad_to_multiple,
    patch_corner,
)

corner_of = jax.jit(patch_corner, static_argnums=1)
rng = np.random.default_rng(0)


def boxes(*corners_and_sizes, size=32):
    masks = np.zeros((len(corners_and_sizes), size, size, 1), np.float32)
    for mask, (top, left, height, width) in zip(masks, corners_and_sizes, strict=True):
        mask[top : top + height, left : left + width] = 1
    return jnp.asarray(masks)


def test_patch_is_centred_on_the_hole():
    corner = corner_of(boxes((10, 12, 4, 6)), 16)
    assert corner.tolist() == [[12 - 8, 15 - 8]]  # the box's centre is row 12, column 15


def test_patch_is_shifted_to_lie_inside():
    corner = corner_of(boxes((0, 28, 3, 4), (30, 0, 2, 2), (0, 0, 32, 32)), 16)
    assert corner.tolist() == [[0, 16], [16, 0], [8, 8]]


def test_patch_follows_the_bounding_box_of_any_shape():
    mask = jnp.zeros((1, 32, 32, 1)).at[0, 6, 20].set(1).at[0, 15, 9].set(1)
    assert corner_of(mask, 12).tolist() == [[11 - 6, 15 - 6]]


@pytest.mark.parametrize(("height", "width", "size"), [(24, 32, 8), (17, 13, 13)])
def test_patch_lies_on_the_densest_window_of_a_hole_larger_than_it(height, width, size):
    masks = (rng.random((12, height, width, 1)) < rng.uniform(0.01, 0.6, (12, 1, 1, 1))) * 1.0
    masks[:, 0, 0] = masks[:, -1, -1] = 1  # the bounding box is the whole picture
    middle = (height // 2 - size // 2, max(width // 2 - size // 2, 0))
    corners = corner_of(jnp.asarray(masks), size).tolist()
    for mask, corner in zip(masks, corners, strict=True):
        windows = {
            (top, left): mask[top : top + size, left : left + size].sum()
            for top in range(height - size + 1)
            for left in range(width - size + 1)
        }
        densest = [at for at in windows if windows[at] == max(windows.values())]
        assert tuple(corner) == min(densest, key=lambda at: math.dist(at, middle))


def test_a_hole_over_everything_is_seen_in_its_middle():
    assert corner_of(jnp.ones((1, 32, 32, 1)), 8).tolist() == [[12, 12]]


def test_boxes_that_fit_keep_their_patch_beside_holes_that_do_not():
    masks = boxes((10, 12, 4, 6), (0, 28, 3, 4), (0, 0, 2, 2))
    alone = corner_of(masks, 16)
    wide = masks[2].at[20:30, 20:32].set(1)
    together = corner_of(jnp.concatenate([masks, wide[None]]), 16)
    np.testing.assert_array_equal(together[:3], alone)
    assert together[3].tolist() == [14, 16]


@pytest.mark.parametrize("size", [8, 16])
def test_every_box_that_fits_lies_inside_its_patch(size):
    corners = [(t, 31 - t, 1 + t % size, 1) for t in range(0, 32 - size)]
    masks = boxes(*corners)
    patches = crop_patches(masks.repeat(3, axis=3), corner_of(masks, size), size)
    inside, whole = patches[..., 0].sum((1, 2)), masks.sum((1, 2, 3))
    np.testing.assert_array_equal(inside, whole)


def test_crop_cuts_each_picture_at_its_own_corner():
    image = jnp.asarray(rng.random((2, 9, 8, 3)), jnp.float32)
    patches = crop_patches(image, jnp.asarray([[0, 3], [5, 1]]), 4)
    np.testing.assert_array_equal(patches[0], image[0, 0:4, 3:7])
    np.testing.assert_array_equal(patches[1], image[1, 5:9, 1:5])


def test_composite_leaves_known_pixels_bit_for_bit_even_beside_nan():
    image = jnp.asarray(rng.random((1, 8, 8, 3)), jnp.float32)
    mask = boxes((2, 2, 3, 3), size=8)
    output = jnp.full_like(image, jnp.nan).at[0, 2:5, 2:5].set(0.25)
    completed = composite(image, output, mask)
    np.testing.assert_array_equal(completed, np.where(mask == 1, 0.25, image))


def test_uint8_pictures_and_masks_become_floats():
    assert as_float(jnp.full((1, 2, 2, 3), 255, jnp.uint8)).max() == 1.0
    assert as_float(jnp.ones((1, 2, 2, 1), jnp.uint8)).max() == 1.0


def test_padding_mirrors_and_leaves_multiples_alone():
    x = jnp.arange(6.0).reshape(1, 1, 6, 1).repeat(4, axis=1)
    assert pad_to_multiple(x, 4)[0, 0, :, 0].tolist() == [0, 1, 2, 3, 4, 5, 4, 3]
    assert pad_to_multiple(x, 2) is x or (pad_to_multiple(x, 2) == x).all()
    assert pad_to_multiple(x[:, :1, :1], 4).shape == (1, 4, 4, 1)
