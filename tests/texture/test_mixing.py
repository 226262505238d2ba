"""Mixtures of copies and their guide: whose pixels they take, and where."""

import numpy as np
import pytest

from glcic_jax.texture.mixing import SHARE, mix

EDGE = 40


@pytest.fixture
def hole():
    mask = np.zeros((EDGE, EDGE), bool)
    mask[8:32, 8:32] = True
    return mask


def rough(seed):
    return np.random.default_rng(seed).random((EDGE, EDGE, 3), np.float32)


def flat(value):
    return np.full((EDGE, EDGE, 3), value, np.float32)


def within(hole):
    """The middle, where the hole's surroundings do not count."""
    inner = np.zeros_like(hole)
    inner[17:23, 17:23] = True
    return inner


def test_a_blurred_guide_gives_its_small_part(hole):
    guide, copied = flat(0.3), rough(0)
    expected = copied + SHARE * (guide - copied)
    np.testing.assert_allclose(mix(guide, copied, hole)[hole], expected[hole], atol=1e-6)


def test_a_guide_with_more_edges_is_taken(hole):
    guide, copied = rough(0), 0.5 + (rough(1) - 0.5) / 2
    np.testing.assert_allclose(mix(guide, copied, hole)[hole], guide[hole], atol=1e-6)


def test_faint_patterns_of_the_guide_are_no_edges(hole):
    pattern = 0.5 + 0.001 * np.sign(rough(0) - 0.5)
    mixed = mix(pattern, flat(0.4), hole)[within(hole)]
    np.testing.assert_allclose(mixed, 0.4 + SHARE * 0.1, atol=3e-3)


def test_the_part_grows_with_the_guides_edges(hole):
    copied, target = rough(0), rough(1)
    errors = []
    for strength in (0.0, 0.8, 0.9, 0.95, 1.0):
        guide = 0.5 + strength * (target - 0.5)
        mixed = mix(guide, copied, hole)[within(hole)]
        errors.append(np.abs(mixed - guide[within(hole)]).mean())
    assert errors == sorted(errors, reverse=True)


@pytest.mark.parametrize("channels", [1, 3])
def test_known_pixels_stay_as_copied_has_them(hole, channels):
    guide, copied = rough(0)[..., :channels], rough(1)[..., :channels]
    mixed = mix(guide, copied, hole)
    assert mixed.shape == copied.shape and mixed.dtype == np.float32
    np.testing.assert_array_equal(mixed[~hole], copied[~hole])
    with pytest.raises(AssertionError):
        np.testing.assert_array_equal(mixed[hole], copied[hole])
