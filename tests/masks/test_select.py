"""Click to select, on pictures whose things are known."""

import cv2
import numpy as np
import pytest

from glcic_jax.masks.select import Mark, select
from glcic_jax.runtime.errors import UserError


def things(scale=1):
    """Returns a red ball and a blue dot before a pale ground, and where they are."""
    height, width = 240 * scale, 320 * scale
    noise = np.random.default_rng(0).integers(0, 12, (height, width, 3))
    image = (np.full((height, width, 3), (205, 200, 190)) + noise).astype(np.uint8)
    ball, dot = np.zeros((2, height, width), np.uint8)
    cv2.circle(ball, (96 * scale, 120 * scale), 40 * scale, 1, -1)
    cv2.circle(dot, (240 * scale, 120 * scale), 22 * scale, 1, -1)
    image[ball > 0], image[dot > 0] = (180, 40, 30), (30, 50, 170)
    return image, ball > 0, dot > 0


def click(x, y, inside=True):
    return Mark(inside, ((x, y),))


def overlap(one, other):
    return (one & other).sum() / (one | other).sum()


def test_a_click_selects_the_thing_and_a_second_one_another_with_it():
    image, ball, dot = things()
    at_ball, at_dot = click(96, 120), click(240, 120)
    assert overlap(select(image, [at_dot]), dot) > 0.95
    assert overlap(select(image, [at_ball, at_dot]), ball | dot) > 0.95
    away = click(240, 120, inside=False)
    assert overlap(select(image, [at_ball, away]), ball) > 0.95


def test_a_large_picture_has_the_edge_of_its_own_pixels():
    image, ball, _ = things(scale=5)
    assert overlap(select(image, [click(96 * 5, 120 * 5)]), ball) > 0.99


def test_a_thing_at_the_border_is_selected_up_to_it():
    image = np.full((300, 400, 3), (205, 200, 190), np.uint8)
    thing = np.zeros((300, 400), bool)
    thing[180:, 250:] = True
    image[thing] = (180, 40, 30)
    mask = select(image, [click(330, 240)])
    np.testing.assert_array_equal(mask[-1, 260:], True)
    np.testing.assert_array_equal(mask[190:, -1], True)
    assert overlap(mask, thing) > 0.98


def test_marks_are_kept_whatever_the_picture_looks_like():
    image = np.random.default_rng(1).integers(0, 256, (50, 70, 3), np.uint8)
    scribble = Mark(True, ((5, 5), (30, 5), (30, 40)), 3)
    no = Mark(False, ((60, 20), (20, 20)), 5)
    mask = select(image, [scribble, no])
    assert mask.dtype == bool
    assert mask.shape == (50, 70)
    assert mask[5, 5:28].all()
    assert mask[24:40, 30].all()
    assert not mask[20, 20:60].any()
    np.testing.assert_array_equal(mask, select(image, [scribble, no]))


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 400, 3), (400, 2, 3), (9, 9, 3)])
def test_flat_and_tiny_pictures_are_no_fault(shape):
    mask = select(np.full(shape, 90, np.uint8), [click(0, 0)])
    assert mask[0, 0]
    assert mask.shape == shape[:2]


def test_points_outside_and_marks_without_an_inside_are_refused():
    image = np.zeros((20, 30, 3), np.uint8)
    with pytest.raises(UserError, match="no mark is inside"):
        select(image, [click(3, 3, inside=False)])
    with pytest.raises(UserError, match=r"the point 30,3 is not in the picture, which has 30x20"):
        select(image, [click(3, 3), click(30, 3)])


def test_marks_inside_that_later_ones_cover_are_refused():
    image = things()[0]
    covered = [click(96, 120), click(97, 121, inside=False)]
    with pytest.raises(UserError, match="outside lie upon all of those inside"):
        select(image, [*covered[:1], click(96, 120, inside=False)])
    assert select(image, [*covered, click(80, 110)])[110, 80]
