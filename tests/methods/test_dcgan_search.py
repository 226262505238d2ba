"""The search for latent vectors: what it weighs, its steps, and what it keeps."""

import logging

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from glcic_jax.methods.dcgan.search import Search, contextual_weight, search

SETTINGS = Search(
    latent=3, steps=40, starts=4, learning_rate=0.01, momentum=0.9, prior_weight=0.1, window=3,
    log_progress=False,
)  # fmt: skip


def colours(z):
    """Generates pictures of one colour each."""
    return jnp.broadcast_to((z[:, None, None, :] + 1) / 2, (len(z), 8, 8, 3))


def no_opinion(pictures):
    return jnp.zeros(len(pictures))


def find(image, mask, judge=no_opinion, **changes):
    found = jax.jit(lambda image, mask, key: search(
        colours, judge, image, mask, key, SETTINGS._replace(**changes)
    ))  # fmt: skip
    return np.asarray(found(image, mask, jax.random.key(0)))


@pytest.fixture(scope="module")
def example():
    image = np.broadcast_to(np.float32([0.2, 0.5, 0.7]), (2, 8, 8, 3)).copy()
    image[1] = 0.9
    mask = np.zeros((2, 8, 8, 1), np.float32)
    mask[:, 2:5, 3:6] = 1
    return image, mask


def test_known_pixels_weigh_by_what_is_missing_around_them():
    mask = np.zeros((1, 5, 5, 1), np.float32)
    mask[0, 0, 0] = mask[0, 0, 1] = 1
    expected = np.zeros((5, 5))
    expected[0, 2] = expected[1, 2] = 1 / 9
    expected[1, 0] = expected[1, 1] = 2 / 9
    np.testing.assert_allclose(contextual_weight(mask, 3)[0, ..., 0], expected, rtol=1e-6)


def test_the_search_finds_the_colour_around_the_hole(example):
    image, mask = example
    far = np.asarray(contextual_weight(mask, 3)) == 0
    found = find(np.where(far, 0.0, image), mask, steps=300, learning_rate=0.001)
    np.testing.assert_allclose(found, image, atol=0.01)


def test_neither_the_holes_contents_nor_other_pictures_matter(example):
    image, mask = example
    first = find(image, mask)
    poisoned = np.where(mask > 0, np.nan, image)
    np.testing.assert_array_equal(find(poisoned, mask), first)
    np.testing.assert_allclose(find(image[1:], mask[1:])[0], first[1], atol=1e-6)


def test_steps_are_nesterovs_and_stay_in_the_cube(example):
    """Checks Amos 2016: v <- m v - r g(z), z <- clip(z - m v' + (1 + m) v), v' being the old v."""
    image, mask = (part[:1] for part in example)
    weight = np.asarray(contextual_weight(mask, 3))
    z = np.asarray(jax.random.uniform(jax.random.key(0), (1, 3), minval=-1, maxval=1))
    velocity = np.zeros_like(z)
    for _ in range(7):
        gradient = weight.sum() * np.sign(z - (2 * image[:, 0, 0] - 1))
        before, velocity = velocity, 0.9 * velocity - 0.2 * gradient
        z = np.clip(z - 0.9 * before + 1.9 * velocity, -1, 1)
    ours = find(image, mask, steps=7, starts=1, learning_rate=0.2)
    assert np.abs(z).max() == 1
    np.testing.assert_allclose(2 * ours[:, 0, 0] - 1, z, atol=1e-5)


def test_the_best_of_the_starts_is_kept_for_each_picture(example):
    image, mask = example
    starts = np.asarray(jax.random.uniform(jax.random.key(0), (4, 3), minval=-1, maxval=1))
    found = 2 * find(image, mask, steps=0)[:, 0, 0] - 1
    for ours, wanted in zip(found, 2 * image[:, 0, 0] - 1, strict=True):
        nearest = np.abs(starts - wanted).sum(axis=1).argmin()
        np.testing.assert_allclose(ours, starts[nearest], atol=1e-6)


def test_what_looks_real_is_preferred_by_its_weight(example):
    image, mask = example

    def bright(pictures):
        return pictures.mean(axis=(1, 2, 3))

    plain, judged = (find(image, mask, bright, prior_weight=w).mean() for w in (0.0, 100.0))
    assert judged > plain + 0.05


def test_progress_is_logged(example, caplog):
    with caplog.at_level(logging.INFO, "glcic_jax"):
        find(*example, steps=101, log_progress=True)
        jax.effects_barrier()
    lines = [
        r.getMessage().split(" steps")[0] for r in caplog.records if "search" in r.getMessage()
    ]
    assert lines == ["latent search: 0 of 101", "latent search: 100 of 101"]
