"""Copies of texture: what must be continued exactly, what is never read, and what is refused."""

import hashlib
import subprocess
import sys

import cv2
import numpy as np
import pytest

from glcic_jax.runtime.errors import UserError
from glcic_jax.texture import synthesis
from glcic_jax.texture.fill import fill
from glcic_jax.texture.synthesis import UNGUIDED, synthesise

EDGE = 96


def checkerboard(y, x):
    return (y // 4 + x // 4) % 2


def stripes(y, x):
    return np.sin(2 * np.pi * (0.6 * x + 0.8 * y) / 10) / 2 + 0.5


def bricks(y, x):
    row = y // 6
    return np.where((y % 6 == 0) | ((x + 7 * (row % 2)) % 14 == 0), 0.2, 0.8)


TEXTURES = {"checkerboard": checkerboard, "stripes": stripes, "bricks": bricks}


def drawn(texture, edge=EDGE):
    """One texture in two colours, uint8 RGB."""
    grey = texture(*np.mgrid[:edge, :edge])[..., None]
    return np.rint(255 * (grey * [0.9, 0.7, 0.4] + (1 - grey) * [0.1, 0.2, 0.3])).astype(np.uint8)


def box(top=36, left=34, height=24, width=26, edge=EDGE):
    mask = np.zeros((edge, edge), bool)
    mask[top : top + height, left : left + width] = True
    return mask


def noise(edge=EDGE, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (edge, edge, 3), np.uint8)


@pytest.mark.parametrize("name", TEXTURES)
@pytest.mark.parametrize("mask", [box(), box(top=0)], ids=["inside", "at the edge"])
def test_a_texture_that_repeats_itself_is_continued(name, mask):
    image = drawn(TEXTURES[name])
    filled = fill(np.where(mask[..., None], 0, image).astype(np.uint8), mask)
    error = np.abs(filled[mask].astype(int) - image[mask])
    assert np.mean(error <= 3) > 0.97, (error.max(), np.mean(error <= 3))


def test_so_it_is_where_coarse_scales_compare_all_patches(monkeypatch):
    monkeypatch.setattr(synthesis.jax, "default_backend", lambda: "gpu")
    monkeypatch.setattr(synthesis, "EXHAUSTIVE", 1 << 22)
    image, mask = drawn(checkerboard), box()
    filled = fill(image, mask)
    assert np.mean(np.abs(filled[mask].astype(int) - image[mask]) <= 3) > 0.97


def test_nothing_inside_the_hole_is_read_and_known_pixels_stay():
    image, mask, guide = drawn(bricks), box(), noise(seed=1)
    filled = fill(image, mask, guide)
    other = np.where(mask[..., None], noise(), image)
    outside = np.where(mask[..., None], guide, noise(seed=2))
    np.testing.assert_array_equal(fill(other, mask, outside), filled)
    np.testing.assert_array_equal(filled[~mask], image[~mask])


def test_another_seed_may_give_another_result_and_the_same_the_same():
    image, mask = noise(), box()
    first, again, second = (fill(image, mask, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != second).any()


def test_two_processes_give_the_same_bytes():
    program = (
        "import hashlib; from glcic_jax.texture.fill import fill; from tests.texture import "
        "test_texture as t; print(hashlib.sha256(fill(t.noise(), t.box()).tobytes()).hexdigest())"
    )
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    digest = hashlib.sha256(fill(noise(), box()).tobytes()).hexdigest()
    assert found.stdout.strip() == digest


def test_what_is_to_be_avoided_is_not_copied():
    image = np.full((EDGE, EDGE, 3), 200, np.uint8)
    image[:, :40] = noise()[:, :40]
    avoid = np.zeros((EDGE, EDGE), bool)
    avoid[:, :44] = True
    mask = box(left=46)
    filled = fill(image, mask, avoid=avoid)
    assert np.abs(filled[mask].astype(int) - 200).max() <= 1


def test_a_guide_decides_where_what_goes():
    image = np.zeros((EDGE, EDGE, 3), np.uint8)
    image[:, 48:] = 220
    image = np.clip(image + noise() % 12, 0, 255).astype(np.uint8)
    mask = box(top=0, left=20, height=96, width=56)
    guide = image.copy()
    guide[:, 20:60], guide[:, 60:76] = 8, 225
    filled = fill(np.where(mask[..., None], 99, image).astype(np.uint8), mask, guide)
    assert filled[:, 24:54].mean() < 30 and filled[:, 66:].mean() > 200


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
def test_grey_and_deep_pictures_keep_their_depth(depth, channels):
    most = np.iinfo(depth).max
    random = np.random.default_rng(0)
    image = random.integers(0, most // 2, (EDGE, EDGE, channels)).astype(depth)
    mask = box()
    filled = fill(image, mask)
    assert filled.dtype == depth and filled.shape == image.shape
    np.testing.assert_array_equal(filled[~mask], image[~mask])
    if depth == np.uint16:  # more than 8 bits of difference
        assert len(np.unique(filled[mask] % 257)) > 100


def test_little_that_is_known_is_enough():
    mask = np.ones((EDGE, EDGE), bool)
    mask[40:62, 40:60] = False  # 95 % are unknown
    image = drawn(checkerboard)
    filled = fill(image, mask)
    np.testing.assert_array_equal(filled[~mask], image[~mask])
    assert filled[mask].std() > 50  # a board, not a membrane


def test_without_a_whole_patch_the_guide_is_what_remains():
    mask = np.random.default_rng(0).random((EDGE, EDGE)) < 0.95
    image, guide = noise(), noise(seed=3)
    np.testing.assert_array_equal(fill(image, mask, guide)[mask], guide[mask])
    assert fill(image, mask)[mask].std() < image[mask].std()


def test_a_flat_sky_stays_flat():
    y = np.mgrid[:EDGE, :EDGE][0]
    image = np.stack([150 + y // 8, 180 + y // 8, 230 - y // 16], axis=2).astype(np.uint8)
    mask = box()
    filled = fill(image, mask, cv2.GaussianBlur(image, (0, 0), 3))
    assert np.abs(filled[mask].astype(int) - image[mask]).max() <= 4


def test_a_far_hole_does_not_change_a_hole():
    image = noise(edge=400)
    near, far = box(edge=400), box(top=350, left=350, edge=400)
    both = fill(image, near | far)
    np.testing.assert_array_equal(both[near], fill(image, near)[near])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((noise().astype(float), box()), "give uint8 or uint16"),
        ((noise()[..., 0], box()), "give uint8 or uint16"),
        ((noise(), box(edge=90)), "the mask has the shape"),
        ((noise(), box(), noise(edge=80)), "a guide of uint8"),
        ((noise(), box(), None, box(edge=90)), "what to avoid has the shape"),
        ((noise(), box(), None, ~box()), "leaves nothing to copy"),
        ((noise(), np.ones((EDGE, EDGE), bool)), "covers the whole picture"),
    ],
)
def test_what_does_not_fit_is_refused(arguments, message):
    with pytest.raises(UserError, match=message):
        fill(*arguments)


def test_an_empty_mask_gives_a_copy():
    image = noise()
    filled = fill(image, np.zeros((EDGE, EDGE), bool))
    np.testing.assert_array_equal(filled, image)
    assert filled is not image


def test_what_lies_beside_a_copied_pixel_is_known_too():
    image = (noise() / np.float32(255)).astype(np.float32)
    image[:, 30:] = image[60:] = 0.5  # where matches are perfect, patches at the edge are too
    mask = np.zeros((EDGE, EDGE), bool)
    mask[::24, :60] = mask[-4:, 20:60] = mask[10:80, -3:] = mask[20:40, 20:40] = True
    image[mask] = 0.5
    nothing = np.zeros_like(mask)
    found = synthesise(image, mask, nothing, (0, 0), UNGUIDED, lambda done: None)
    assert found is not None
    at, source = np.stack(found.copies.at), np.stack(found.copies.source)
    assert at.shape[1] == mask.sum() and not mask[tuple(source)].any()
    for side in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        beside, copied = at + np.array(side)[:, None], source + np.array(side)[:, None]
        inside = ((beside >= 0) & (beside < EDGE)).all(axis=0)
        copied = copied[:, inside]
        assert ((copied >= 0) & (copied < EDGE)).all() and not mask[tuple(copied)].any()


def test_strokes_of_every_shape_are_filled():
    random = np.random.default_rng(0)
    image = noise(edge=64)
    for _ in range(6):
        mask = np.zeros((64, 64), np.uint8)
        for _ in range(6):
            (a, b), (c, d) = random.integers(0, 64, (2, 2)).tolist()
            cv2.line(mask, (a, b), (c, d), 1, 5)
        filled = fill(image, mask)
        np.testing.assert_array_equal(filled[mask == 0], image[mask == 0])
