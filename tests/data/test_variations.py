"""Colours that vary, and holes that miss a rim of what is to go."""

from functools import partial

import numpy as np
import pytest

from configs import dcgan_faces64, places2
from glcic_jax.data.transforms import example, framed
from glcic_jax.data.variations import WIDEST_RIM, leave_rim, vary_colours
from glcic_jax.masks.shapes import box
from glcic_jax.runtime.errors import UserError
from glcic_jax.settings.check import check

picture = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
mask = np.zeros((48, 64, 1), np.uint8)
mask[20:30, 24:40] = 1


def random(seed):
    return np.random.default_rng(seed)


def test_colours_vary_pixel_by_pixel():
    for seed in range(20):
        varied = vary_colours(picture, random(seed))
        assert varied.dtype == np.uint8
        assert varied.shape == picture.shape
        # Equal pixels stay equal, wherever they lie: no pixel depends on another.
        moved = vary_colours(picture[::-1, ::-1], random(seed))
        np.testing.assert_array_equal(moved, varied[::-1, ::-1])


def test_grey_stays_grey_but_for_the_white_balance():
    grey = np.full((4, 4, 3), 128, np.uint8)
    spread = [np.ptp(vary_colours(grey, random(seed))[0, 0].astype(int)) for seed in range(50)]
    assert max(spread) < 50
    mean = [vary_colours(grey, random(seed)).mean() for seed in range(50)]
    assert min(mean) > 70
    assert max(mean) < 190
    assert np.std(mean) > 8


def test_a_rim_lies_around_the_hole_and_nowhere_else():
    far = np.ones((48, 64), bool)
    reach = 2 * WIDEST_RIM + 4  # the disc's two radii, and what its soft edge reaches
    far[20 - reach : 30 + reach, 24 - reach : 40 + reach] = False
    changed = 0
    for seed in range(20):
        given = leave_rim(picture, mask, random(seed))
        np.testing.assert_array_equal(given[far], picture[far])
        changed += (given != picture)[mask[..., 0] == 0].any()
    assert changed >= 19


def test_examples_are_given_rims_as_often_as_asked():
    frame = partial(framed, resize=(32, 48), crop=32, flip=False)
    hole = partial(box, shortest=6, longest=12)
    make = partial(example, picture, frame=frame, hole=hole)
    assert "given" not in make(random(0))
    made = [make(random(seed), leftovers=0.5) for seed in range(60)]
    rims = sum((one["given"] != one["image"]).any() for one in made)
    assert 15 < rims < 45
    # Nothing else of the example changes.
    for seed in range(5):
        plain = make(random(seed))
        for name in plain:
            np.testing.assert_array_equal(plain[name], made[seed][name])


def test_methods_that_cannot_learn_from_rims_refuse_them():
    config = dcgan_faces64.get_config()
    config.data.root, config.data.leftovers = "pictures", 0.5
    with pytest.raises(UserError, match=r"cannot learn from data\.leftovers: set it to 0"):
        check(config)
    config = places2.get_config()
    config.data.root, config.data.leftovers = "pictures", 0.5
    check(config)
