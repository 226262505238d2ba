"""Holes too thick for a network are completed in a smaller copy, for the texture fill."""

import numpy as np
import pytest

from glcic_jax.complete.thick_holes import (
    THICKEST,
    enlarged,
    guides_for,
    reduced,
    thick_part,
)

WAVES = np.sin(np.arange(260) / 20)[:, None] * np.cos(np.arange(300) / 25)[None]
PICTURE = (127 + 100 * np.stack([WAVES, -WAVES, WAVES], axis=-1)).astype(np.uint8)


def box(top, left, height, width):
    hole = np.zeros(PICTURE.shape[:2], bool)
    hole[top : top + height, left : left + width] = True
    return hole


class Network:
    """Completes with one grey, and keeps what it is asked."""

    def __init__(self, grey=200):
        self.grey, self.sizes, self.shown = grey, [], []

    def __call__(self, images, holes):
        for image, hole in zip(images, holes, strict=True):
            self.sizes.append(hole.shape)
            self.shown.append((image, hole))
        filled = np.uint8(self.grey)
        return [np.where(h[..., None], filled, i) for i, h in zip(images, holes, strict=True)]


@pytest.mark.parametrize("hole", [box(20, 30, 90, 200), box(0, 0, 99, 99), box(5, 5, 1, 1)])
def test_thin_holes_are_completed_at_full_size(hole):
    network = Network()
    (guide,) = guides_for([PICTURE], [hole], network)
    assert network.sizes == [PICTURE.shape[:2]]
    np.testing.assert_array_equal(guide, np.where(hole[..., None], np.uint8(200), PICTURE))


def test_a_thick_hole_is_completed_in_a_copy_in_which_it_is_thin():
    hole = box(20, 40, 200, 220)
    network = Network()
    (guide,) = guides_for([PICTURE], [hole], network)
    ((_, small_hole),) = network.shown
    assert small_hole.shape == (130, 150)  # half: the deepest pixel is 100 from the rim
    assert thick_part(small_hole)[1] <= THICKEST + 1
    # Known pixels are the picture's; the hole has what the network painted, but near its rim.
    np.testing.assert_array_equal(guide[~hole], PICTURE[~hole])
    assert (guide[box(26, 46, 188, 208)] == 200).all()


def test_thin_holes_beside_a_thick_one_are_completed_at_full_size():
    thick, thin = box(30, 60, 160, 160), box(2, 2, 10, 10)
    network = Network()
    (guide,) = guides_for([PICTURE], [thick | thin], network)
    assert len(network.sizes) == 2
    assert network.sizes[0] == PICTURE.shape[:2]
    assert (guide[thin] == 200).all()
    part, deepest = thick_part(thick | thin)
    np.testing.assert_array_equal(part, thick)
    assert deepest == pytest.approx(80, rel=0.03)


def test_batches_keep_their_order():
    holes = [box(20, 40, 200, 220), box(3, 3, 20, 20), box(30, 60, 160, 160), box(9, 9, 20, 20)]
    network = Network()
    guides = guides_for([PICTURE] * 4, holes, network)
    assert network.sizes[:2] == [PICTURE.shape[:2]] * 2
    for guide, hole in zip(guides, holes, strict=True):
        np.testing.assert_array_equal(guide[~hole], PICTURE[~hole])
        assert (guide != PICTURE)[hole].any()


def test_what_lies_inside_a_hole_is_not_read():
    hole = box(20, 40, 200, 220)
    rng = np.random.default_rng(0)
    noise = np.where(hole[..., None], rng.integers(0, 256, PICTURE.shape, np.uint8), PICTURE)
    for ours, theirs in zip(reduced(PICTURE, hole, 0.5), reduced(noise, hole, 0.5), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_known_pixels_of_the_copy_are_means_of_known_ones():
    hole = box(21, 41, 181, 201)  # odd: pixels of the copy lie across the rim
    colour = np.full_like(PICTURE, 90)
    small, small_hole = reduced(colour, hole, 0.5)
    assert (small[~small_hole] == 90).all()
    assert (enlarged(np.where(small_hole[..., None], np.uint8(90), small), hole) == 90).all()


def test_a_picture_of_which_little_is_known_keeps_something_known():
    hole = np.ones((260, 300), bool)
    hole[0, 0] = False
    _, small_hole = reduced(PICTURE, hole, THICKEST / thick_part(hole)[1])
    assert not small_hole.all()
