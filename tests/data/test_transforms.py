from functools import partial

import cv2
import numpy as np
import pytest
from PIL import Image

from glcic_jax.data.transforms import check_sizes, example, framed, random_crop, resize_shortest
from glcic_jax.masks.shapes import box
from glcic_jax.runtime.errors import UserError

rng = np.random.default_rng(0)
picture = rng.integers(0, 256, (60, 90, 3), np.uint8)
make = partial(
    example,
    frame=partial(framed, resize=(32, 48), crop=32, flip=False),
    hole=partial(box, shortest=6, longest=12),
)


@pytest.mark.parametrize("edge", [24, 60, 61, 100])
@pytest.mark.parametrize("shape", [(60, 90), (90, 60), (61, 60), (7, 300)])
def test_the_shortest_edge_gets_the_size_asked_for(shape, edge):
    resized = resize_shortest(np.zeros((*shape, 3), np.uint8), edge)
    assert min(resized.shape[:2]) == edge
    assert abs(max(resized.shape[:2]) - max(shape) * edge / min(shape)) <= 0.5


def test_shrinking_is_antialiased():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    assert np.ptp(resize_shortest(stripes, 16).astype(int)) <= 1  # an even grey, no moire


@pytest.mark.parametrize("edge", [33, 45, 60])
def test_shrinking_a_little_is_pillows_antialiased_resize(edge):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (64, 64, 3), np.uint8)
    pillow = Image.fromarray(image).resize((edge, edge), Image.Resampling.BILINEAR)
    plain = cv2.resize(image, (edge, edge), interpolation=cv2.INTER_LINEAR)
    far, near = (
        np.abs(picture.astype(float) - np.asarray(pillow)).mean()
        for picture in (plain, resize_shortest(image, edge))
    )
    assert near < 9
    assert near < far


def test_crops_reach_every_corner():
    small = np.arange(5 * 6 * 3, dtype=np.uint8).reshape(5, 6, 3)
    corners = {int(random_crop(np.random.default_rng(i), small, 4)[0, 0, 0]) for i in range(200)}
    assert corners == {int(small[t, left, 0]) for t in (0, 1) for left in (0, 1, 2)}


def test_an_example_is_a_function_of_its_random_numbers():
    first, second, other = (make(picture, np.random.default_rng(s)) for s in (3, 3, 4))
    for name in first:
        np.testing.assert_array_equal(first[name], second[name])
    assert (first["image"] != other["image"]).any()
    assert {name: array.shape for name, array in first.items()} == {
        "image": (32, 32, 3),
        "mask": (32, 32, 1),
        "other_mask": (32, 32, 1),
    }


def test_the_two_masks_are_drawn_apart():
    examples = [make(picture, np.random.default_rng(seed)) for seed in range(20)]
    assert sum((e["mask"] != e["other_mask"]).any() for e in examples) >= 19


def test_every_scale_of_the_range_is_drawn():
    sizes = set()

    flat = np.zeros((40, 40, 3), np.uint8)
    flat[20:, 20:] = 255  # the corner's place in a centred crop tells the scale
    for seed in range(200):
        image = framed(flat, np.random.default_rng(seed), resize=(32, 34), crop=32, flip=False)
        sizes.add(int((image[-1, :, 0] > 127).sum()))
    assert len(sizes) >= 3


def test_flips_mirror_half_of_the_pictures_only_if_asked():
    wide = np.tile(np.arange(32, dtype=np.uint8)[None, :, None], (32, 1, 3))
    options = {"resize": (32, 32), "crop": 32}
    flipped = [
        framed(wide, np.random.default_rng(s), flip=True, **options)[0, 0, 0] == 31
        for s in range(200)
    ]
    assert 60 < sum(flipped) < 140
    for seed in range(20):
        kept = framed(wide, np.random.default_rng(seed), flip=False, **options)
        np.testing.assert_array_equal(kept, wide)


@pytest.mark.parametrize(
    ("resize", "crop", "message"),
    [((256, 384), 300, "a crop of 300 pixels does not fit"), ((9, 8), 4, "is not a range")],
)
def test_sizes_that_do_not_fit_are_refused(resize, crop, message):
    with pytest.raises(UserError, match=message):
        check_sizes(resize, crop)
