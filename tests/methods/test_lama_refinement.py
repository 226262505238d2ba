"""Refinement of LaMa's completions: halving, the loss, and features that move towards both."""

import logging
from functools import partial

import cv2
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import glcic_jax
from glcic_jax.complete.far_seeing import check_refine
from glcic_jax.complete.load import completer_of
from glcic_jax.complete.network_flags import address_and_settings
from glcic_jax.layers.ops import composite
from glcic_jax.methods.lama.halving import eroded, halved, halved_mask
from glcic_jax.methods.lama.refinement import distances, refine, refined, scales
from glcic_jax.runtime.errors import UserError
from glcic_jax.weights.address import open_trained
from glcic_jax.weights.exchange import write_exchange
from tests.helpers.lama_refined import GOLDEN, IMAGE, MASK, SHORTEST, network

rng = np.random.default_rng(0)
PAIR = rng.random((2, 45, 62, 3)).astype(np.float32)
HOLES = np.zeros((2, 45, 62, 1), np.float32)
HOLES[0, 3:43, 5:50] = 1
HOLES[1, 10:12, 4:60] = 1
GAIN = np.float32(rng.normal(size=(3, 3)) / 2)


def front(image, mask):
    """Sees what lies some pixels away, which is twice as far in a copy of half the size."""
    return jnp.concatenate([jnp.roll(image, (13, 17), (1, 2)), mask], axis=-1)


def rear(features):
    """Grows, as pictures are filled up to what a network takes."""
    colours = jnp.tanh(features[..., :3] @ GAIN + features[..., 3:])
    return jnp.pad(colours, ((0, 0), (0, 3), (0, 2), (0, 0)), constant_values=9)


def blackened(image, mask):
    return np.where(mask > 0, 0, image)


def loss_of(output, coarse):
    return distances(output, blackened(PAIR, HOLES), HOLES, coarse, eroded(HOLES))


two_scales = jax.jit(partial(refined, front, rear, count=2))
without_moves = jax.jit(partial(refined, front, rear, count=2, moves=0))


def sampled(places, line):
    return np.interp(places, np.arange(len(line)), line)


def blurred_then_sampled(x):
    """Halves one channel the slow way, after the release's _pyrdown."""
    taps = np.exp(-0.5 * np.arange(-2, 3) ** 2)
    taps /= taps.sum()
    for axis in (0, 1):
        wide = np.pad(x, [(2, 2) if axis == n else (0, 0) for n in (0, 1)], mode="reflect")
        x = sum(
            weight * np.take(wide, np.arange(n, n + x.shape[axis]), axis)
            for n, weight in enumerate(taps)
        )
    for axis in (0, 1):
        size, half = x.shape[axis], x.shape[axis] // 2
        places = (np.arange(half) + 0.5) * size / half - 0.5
        x = np.apply_along_axis(partial(sampled, places), axis, x)
    return x


@pytest.mark.parametrize("size", [(8, 12), (9, 15), (45, 62)])
def test_pictures_are_blurred_and_sampled_at_half_their_size(size):
    x = rng.random((1, *size, 2)).astype(np.float32)
    expected = np.stack([blurred_then_sampled(x[0, ..., n]) for n in (0, 1)], axis=-1)
    np.testing.assert_allclose(halved(x)[0], expected, atol=1e-6)


def test_whatever_a_hole_has_a_share_in_is_a_hole_of_the_copy():
    smaller = np.asarray(halved_mask(HOLES))
    assert set(np.unique(smaller)) == {0, 1}
    np.testing.assert_array_equal(smaller > 0, np.asarray(halved(HOLES)) > 1e-8)
    other = np.where(HOLES > 0, 1 - PAIR, PAIR)
    ours, theirs = (np.where(smaller > 0, 0, halved(image)) for image in (PAIR, other))
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("size", [(90, 124), (64, 70)])
def test_the_loss_s_mask_is_eroded_as_by_opencv(size):
    """The border erodes nothing; only pixels that are holes altogether count."""
    mask = np.zeros((1, *size, 1), np.float32)
    mask[0, 21:80, 10:64] = 1
    mask[0, :40, 60:] = 1
    whole = mask[0, :, :, 0].reshape(size[0] // 2, 2, size[1] // 2, 2).min(axis=(1, 3))
    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (15, 15))
    expected = cv2.erode(whole, ellipse, borderType=cv2.BORDER_CONSTANT, borderValue=1)
    found = np.asarray(eroded(mask))[0, ..., 0]
    assert 0 < found.sum() < whole.sum()
    np.testing.assert_array_equal(found, expected)


def test_the_loss_is_a_mean_at_known_pixels_and_one_deep_in_the_hole():
    output = rng.random(PAIR.shape).astype(np.float32)
    coarse, inner = (rng.random((2, 22, 31, n)).astype(np.float32) for n in (3, 1))
    inner = np.round(inner)
    inner[1] = 0
    found = jax.jit(distances)(output, PAIR, HOLES, coarse, inner)
    for n in (0, 1):
        known = np.abs(output[n] - PAIR[n])[HOLES[n, ..., 0] == 0].mean()
        hole = np.abs(halved(output)[n] - coarse[n])[inner[n, ..., 0] > 0]
        np.testing.assert_allclose(found[n], known + (hole.mean() if len(hole) else 0), rtol=1e-5)


@pytest.mark.parametrize(
    ("edge", "shortest", "count"),
    [(500, 512, 1), (724, 512, 1), (725, 512, 2), (1448, 512, 2), (1449, 512, 3), (9000, 512, 3)],
)
def test_pyramids_are_the_release_s(edge, shortest, count):
    assert scales(edge, shortest) == count


@pytest.mark.slow
def test_moving_the_features_lets_the_loss_fall():
    image = blackened(PAIR, HOLES)
    coarse = rng.random((2, 22, 31, 3)).astype(np.float32)
    moved = partial(refine, front, rear)
    before = loss_of(rear(front(image, HOLES))[:, :45, :62], coarse)
    after = loss_of(jax.jit(moved)(image, HOLES, coarse), coarse)
    assert (after < before - 0.01).all()


@pytest.mark.slow
def test_adam_moves_features_as_a_few_lines_of_numpy_do():
    """Tries a network that shows its features, whose gradients are signs."""
    image, hole = blackened(PAIR, HOLES)[:1], HOLES[:1]
    coarse, inner = rng.random((1, 22, 31, 3)).astype(np.float32), np.asarray(eroded(hole))
    found = refine(lambda image, mask: image, lambda x: x, image, hole, coarse, moves=6)
    _, back = jax.vjp(halved, image)
    x, first, second = image.astype(np.float64), 0.0, 0.0
    for step in range(1, 7):
        far = np.sign(np.asarray(halved(x.astype(np.float32))) - coarse) * inner
        slope = np.sign(x - image) * (1 - hole) / (3 * (1 - hole).sum())
        slope = slope + np.asarray(back(np.float32(far / (3 * inner.sum())))[0])
        first, second = 0.9 * first + 0.1 * slope, 0.999 * second + 0.001 * slope**2
        deviation = np.sqrt(second / (1 - 0.999**step))
        x = x - 0.002 * first / (1 - 0.9**step) / (deviation + 1e-8)
    inside = np.broadcast_to(hole > 0, x.shape)  # elsewhere signs of rounding errors decide
    assert np.abs(x - image)[inside].max() > 0.01
    np.testing.assert_allclose(np.asarray(found)[inside], x[inside], atol=1e-5)


def test_without_moves_or_scales_it_is_the_plain_result():
    image = blackened(PAIR, HOLES)
    plain = composite(PAIR, rear(front(image, HOLES))[:, :45, :62], HOLES)
    np.testing.assert_array_equal(refined(front, rear, PAIR, HOLES, 1), plain)
    np.testing.assert_allclose(without_moves(PAIR, HOLES), plain, atol=1e-6)
    assert np.abs(two_scales(PAIR, HOLES) - plain).max() > 0.01


def test_known_pixels_stay_and_what_a_hole_holds_is_not_read():
    other = np.where(HOLES > 0, 1 - PAIR, PAIR)
    ours, theirs = (np.asarray(two_scales(image, HOLES)) for image in (PAIR, other))
    known = np.broadcast_to(HOLES == 0, PAIR.shape)
    np.testing.assert_array_equal(ours[known], PAIR[known])
    np.testing.assert_array_equal(ours, np.where(known, PAIR, theirs))
    assert np.isfinite(ours).all()  # also where erosion left nothing of a hole


def test_each_picture_of_a_batch_moves_as_if_alone():
    together = np.asarray(two_scales(PAIR, HOLES))
    for n in (0, 1):
        twice = two_scales(PAIR[[n, n]], HOLES[[n, n]])
        np.testing.assert_allclose(twice[1 - n], together[n], atol=2e-6)


@pytest.mark.parametrize("refine", [0, 63, 100.5, "512"])
def test_numbers_that_are_no_edges_are_refused(refine):
    message = f"refine {refine}: choose 64 pixels or more, or give no number"
    with pytest.raises(UserError, match=message):
        check_refine(refine)
    with pytest.raises(UserError, match=message):
        glcic_jax.load("no such run", refine=refine)


def test_networks_of_other_methods_refuse_it():
    assert address_and_settings("a:refine=64") == ("a", {"refine": 64})
    with pytest.raises(UserError, match="refine is for LaMa's networks: leave it out"):
        glcic_jax.load(refine=True)


@pytest.mark.slow
@pytest.mark.reference
def test_pytorch_refines_alike():
    completed = network().refine(IMAGE, MASK, SHORTEST)
    plain = network().plain(IMAGE, MASK)
    hole = np.broadcast_to(MASK > 0, IMAGE.shape)
    assert np.abs(completed - plain)[hole].mean() > 0.005
    apart = np.abs(completed - GOLDEN["refined"].astype(np.float32))[hole]
    assert apart.max() < 3e-3 and apart.mean() < 3e-4  # Adam's first step is the gradient's sign


@pytest.mark.slow
def test_a_completer_refines_large_pictures_and_says_so_of_small_ones(tmp_path, caplog):
    write_exchange(network().weights, tmp_path / "weights")
    trained = open_trained(tmp_path / "weights")
    pixels, hole = np.uint8(np.rint(IMAGE[0] * 255)), MASK[0, ..., 0] > 0
    plain, ours = (completer_of(trained, refine=n)(pixels, hole) for n in (False, 64))
    np.testing.assert_array_equal(ours[~hole], pixels[~hole])
    assert not np.array_equal(ours, plain)
    assert not caplog.records
    with caplog.at_level(logging.INFO, "glcic_jax"):
        np.testing.assert_allclose(completer_of(trained, refine=True)(pixels, hole), plain, atol=1)
    assert "121 x 97 pixels are too few to be refined from 512 on" in caplog.text
