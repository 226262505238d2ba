import numpy as np
import pytest

from glcic_jax.holes import HOLES, box, center, noise
from glcic_jax.types import UserError

ARGUMENTS = {
    "box": {"shortest": 6, "longest": 12},
    "center": {"size": 16},
    "noise": {"smallest_share": 0.2, "largest_share": 0.3, "cell": 8},
}


@pytest.mark.parametrize("kind", HOLES)
def test_masks_are_binary_repeatable_and_never_empty(kind):
    for seed in range(30):
        first, second = (
            HOLES[kind](np.random.default_rng(seed), 40, 56, **ARGUMENTS[kind]) for _ in range(2)
        )
        assert first.shape == (40, 56, 1)
        assert first.dtype == np.uint8
        assert set(np.unique(first)) == {0, 1}
        np.testing.assert_array_equal(first, second)


def sides(mask):
    rows, columns = np.nonzero(mask[..., 0])
    height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
    assert height * width == mask.sum()  # a full rectangle
    return height, width


def test_box_sides_are_drawn_apart_and_reach_both_ends():
    rng = np.random.default_rng(0)
    drawn = np.array([sides(box(rng, 20, 20, shortest=3, longest=5)) for _ in range(300)])
    assert set(drawn[:, 0]) == set(drawn[:, 1]) == {3, 4, 5}
    assert len({tuple(pair) for pair in drawn}) == 9


def test_boxes_reach_every_pixel():
    rng = np.random.default_rng(0)
    covered = sum(box(rng, 12, 12, shortest=3, longest=4) for _ in range(400))
    assert (covered > 0).all()


def test_center_is_the_middle_square():
    mask = center(np.random.default_rng(0), 128, 128, size=64)
    assert mask[32:96, 32:96].all()
    assert mask.sum() == 64 * 64


def test_noise_covers_what_it_is_asked_to():
    rng = np.random.default_rng(0)
    for share in (0.05, 0.25, 0.6):
        mask = noise(rng, 64, 64, smallest_share=share, largest_share=share, cell=16)
        assert mask.sum() == round(share * 64 * 64)


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda rng: box(rng, 256, 256, shortest=96, longest=300), "300 pixels do not fit a 256"),
        (lambda rng: box(rng, 64, 64, shortest=9, longest=8), "no range"),
        (lambda rng: box(rng, 64, 64, shortest=0, longest=8), "no range"),
        (lambda rng: center(rng, 32, 32, size=33), "lower holes.size"),
        (lambda rng: noise(rng, 8, 8, smallest_share=0.5, largest_share=1.0, cell=2), "no range"),
    ],
)
def test_impossible_holes_are_refused(draw, message):
    with pytest.raises(UserError, match=message):
        draw(np.random.default_rng(0))
