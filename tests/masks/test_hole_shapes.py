"""The forms of holes: boxes, bands, patches, pixels, noise and strokes."""

import cv2
import numpy as np
import pytest

from glcic_jax.masks.shapes import block_pixels, box, boxes, center, keep_patch, noise, outpaint
from glcic_jax.masks.strokes import freeform, irregular
from tests.helpers.holes import STROKES, rngs

BINS = [(0.01, 0.1), (0.1, 0.2), (0.2, 0.3), (0.3, 0.4), (0.4, 0.5), (0.5, 0.6)]


def sides(mask):
    rows, columns = np.nonzero(mask[..., 0])
    height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
    assert height * width == mask.sum()  # a full rectangle
    return height, width


def parts(mask):
    return cv2.connectedComponents(mask)[0] - 1


def test_box_sides_are_drawn_apart_and_reach_both_ends():
    rng = np.random.default_rng(0)
    drawn = np.array([sides(box(rng, 20, 20, shortest=3, longest=5)) for _ in range(300)])
    assert set(drawn[:, 0]) == set(drawn[:, 1]) == {3, 4, 5}
    assert len({tuple(pair) for pair in drawn}) == 9


def test_boxes_reach_every_pixel():
    rng = np.random.default_rng(0)
    covered = sum(box(rng, 12, 12, shortest=3, longest=4) for _ in range(400))
    assert (covered > 0).all()


def test_several_boxes_are_as_many_as_asked_for():
    drawn = [boxes(rng, 400, 400, fewest=2, most=4, shortest=2, longest=3) for rng in rngs(200)]
    counts = [parts(mask) for mask in drawn]  # so small that hardly any two touch
    assert {2, 3, 4} <= set(counts) <= {1, 2, 3, 4}
    assert all(mask.sum() <= 4 * 9 for mask in drawn)


def test_one_of_several_boxes_is_the_box():
    for first, second in zip(rngs(20), rngs(20), strict=True):
        one = boxes(first, 30, 40, fewest=1, most=1, shortest=3, longest=9)
        np.testing.assert_array_equal(one, box(second, 30, 40, shortest=3, longest=9))


def test_center_is_the_middle_square():
    mask = center(np.random.default_rng(0), 128, 128, size=64)
    assert mask[32:96, 32:96].all()
    assert mask.sum() == 64 * 64


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_outpainting_leaves_a_rectangle_and_cuts_the_sides_asked_for(count):
    chosen = set()
    for rng in rngs(100):
        mask = outpaint(rng, 30, 50, sides=count, narrowest=3, widest=9)[..., 0]
        sides(1 - mask[..., None])
        rows, columns = np.nonzero(mask == 0)
        bands = rows.min(), 29 - rows.max(), columns.min(), 49 - columns.max()
        cut = tuple(side for side, band in enumerate(bands) if band)
        assert len(cut) == count
        assert all(3 <= bands[side] <= 9 for side in cut)
        chosen.add(cut)
    assert len(chosen) == {1: 4, 2: 6, 3: 4, 4: 1}[count]


def test_a_kept_patch_is_all_that_is_known_and_comes_everywhere():
    masks = [keep_patch(rng, 12, 20, size=7) for rng in rngs(400)]
    assert {sides(1 - mask) for mask in masks} == {(7, 7)}
    assert (np.min(masks, axis=0) == 0).all()


def test_pixels_are_blocked_apart_and_never_all_of_them():
    masks = np.stack([block_pixels(rng, 30, 40, probability=0.3) for rng in rngs(100)])[..., 0]
    assert abs(masks.mean() - 0.3) < 0.005
    assert abs(masks.mean(axis=0).std() - np.sqrt(0.21 / 100)) < 0.01  # no pixel is preferred
    assert abs((masks[:, :, 1:] & masks[:, :, :-1]).mean() - 0.09) < 0.005  # nor pairs of them
    for probability, count in ((1e-9, 1), (1 - 1e-9, 1199)):
        assert block_pixels(rngs(1)[0], 30, 40, probability=probability).sum() == count


def test_noise_covers_what_it_is_asked_to():
    rng = np.random.default_rng(0)
    for share in (0.05, 0.25, 0.6):
        mask = noise(rng, 64, 64, smallest_share=share, largest_share=share, cell=16)
        assert mask.sum() == round(share * 64 * 64)


def test_a_share_of_nearly_all_leaves_a_pixel():
    shares = {"smallest_share": 0.9999, "largest_share": 0.9999}
    assert noise(rngs(1)[0], 8, 8, **shares, cell=2).sum() == 63
    assert irregular(rngs(1)[0], 8, 8, **shares, margin=0).sum() == 63


def test_a_stroke_is_connected_and_as_thick_as_asked_for():
    one = STROKES | {"most_strokes": 1, "thinnest": 5, "thickest": 5}
    for rng in rngs(100):
        mask = freeform(rng, 60, 90, **one)
        assert parts(mask) == 1
        middle = cv2.distanceTransform(np.pad(mask[..., 0], 1), cv2.DIST_L2, 5).max()
        assert middle >= 2.5  # at least as far from the rim as half the brush


def test_the_angle_bends_strokes():
    def is_straight(rng, angle):
        two = {"fewest_vertices": 2, "most_vertices": 2, "most_strokes": 1, "thickest": 2}
        mask = freeform(rng, 400, 400, **STROKES | two | {"angle": angle, "angle_spread": 0.0})
        points = np.argwhere(mask[..., 0]) - np.argwhere(mask[..., 0]).mean(axis=0)
        return np.linalg.svd(points, compute_uv=False)[1] / np.sqrt(len(points)) < 1.5

    straight = {angle: sum(is_straight(rng, angle) for rng in rngs(40)) for angle in (0.0, 45.0)}
    assert straight[0.0] > 15 > 10 > straight[45.0]  # not all: some are mirrored at the border


@pytest.mark.parametrize("margin", [0, 6])
@pytest.mark.parametrize(("smallest", "largest"), BINS)
def test_irregular_holes_lie_in_their_bin_and_keep_the_margin(smallest, largest, margin):
    shares, rim = [], 0
    for rng in rngs(60):
        mask = irregular(rng, 72, 64, smallest_share=smallest, largest_share=largest, margin=margin)
        shares.append(mask.mean())
        inner = mask[margin : 72 - margin, margin : 64 - margin]
        assert inner.sum() == mask.sum()
        rim += inner[0].sum() + inner[-1].sum() + inner[:, 0].sum() + inner[:, -1].sum()
    assert smallest - 1e-3 <= min(shares) < max(shares) <= largest + 1e-3
    assert np.ptp(shares) > 0.7 * (largest - smallest)
    assert rim > 0  # up to the margin, or the border


def test_irregular_shares_are_met_to_the_pixel():
    for index, share in enumerate((0.0001, 0.013, 0.3, 0.6, 0.98)):
        for size in ((50, 41), (7, 9), (128, 128)):
            mask = irregular(
                np.random.default_rng(index),
                *size,
                smallest_share=share,
                largest_share=share,
                margin=0,
            )
            assert mask.sum() == max(1, round(share * size[0] * size[1]))
