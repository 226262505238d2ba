"""Holes in pictures of any size, filled by networks that take squares of one size."""

import numpy as np
import pytest

from glcic_jax.complete.completer import Completer
from glcic_jax.complete.fixed_size import fill_squares, fill_whole, squares
from glcic_jax.runtime.errors import UserError


def picture(height, width):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def hole(height, width, *boxes):
    mask = np.zeros((height, width), bool)
    for top, bottom, left, right in boxes:
        mask[top:bottom, left:right] = True
    return mask


@pytest.mark.parametrize(
    ("shape", "boxes", "count"),
    [
        ((100, 80), [(40, 60, 30, 50)], 1),
        ((100, 80), [(0, 5, 0, 5), (90, 100, 70, 80)], 2),
        ((100, 80), [(40, 44, 40, 44), (47, 50, 40, 44)], 1),
        ((20, 200), [(5, 15, 90, 110)], 1),
        ((24, 20), [(5, 10, 5, 10)], 1),
        ((60, 200), [(5, 55, 20, 180)], 1),
    ],
)
def test_every_hole_lies_in_one_square_with_known_pixels(shape, boxes, count):
    mask = hole(*shape, *boxes)
    found = squares(mask, 32)
    covered = np.zeros(shape, int)
    for square in found:
        rows, columns = square.box
        assert square.edge >= 32
        assert square.top <= rows.start and rows.stop <= square.top + square.edge
        assert square.left <= columns.start and columns.stop <= square.left + square.edge
        covered[square.box] += 1
    assert len(found) == count
    assert (covered[mask] >= 1).all()


@pytest.mark.parametrize("shape", [(100, 80), (20, 70), (24, 20)])
def test_known_pixels_stay_and_hole_pixels_are_never_read(shape):
    image, mask = picture(*shape), hole(*shape, (5, 15, 4, 16))
    other = np.where(mask[..., None], 255 - image, image)
    seen = []

    def fill(small, small_hole):
        seen.append((small, small_hole))
        return np.full_like(small, 7)

    first, second = (fill_squares(i, mask, 32, fill) for i in (image, other))
    assert np.array_equal(first, second)
    assert np.array_equal(seen[0][0], seen[1][0]) and np.array_equal(seen[0][1], seen[1][1])
    assert np.array_equal(first[~mask], image[~mask])
    assert (first[mask] == 7).all()


@pytest.mark.parametrize("box", [(0, 5, 0, 5), (40, 53, 20, 33), (10, 90, 0, 71), (60, 63, 2, 80)])
def test_holes_can_be_asked_for_in_the_middle_only(box):
    middle = slice(9, 23)  # 14 of 32 pixels
    seen = []

    def fill(small, small_hole):
        seen.append(small_hole)
        answer = np.zeros_like(small)
        answer[middle, middle] = 200
        return answer

    image, mask = picture(100, 80), hole(100, 80, box)
    mask[0, 79] = True  # another square's
    filled = fill_squares(image, mask, 32, fill, middle=14)
    assert len(seen) == 2
    assert (np.abs(filled[mask].astype(int) - 200) <= 5).mean() > 0.9
    assert (filled[mask] > 100).all()
    assert np.array_equal(filled[~mask], image[~mask])


def test_outside_of_the_picture_is_hole():
    masks = []
    fill_squares(
        picture(16, 64),
        hole(16, 64, (4, 12, 28, 36)),
        32,
        lambda small, small_hole: masks.append(small_hole) or small,
    )
    (mask,) = masks
    assert mask[:8].all() and mask[24:].all() and not mask[8:24, :12].any()


def test_the_answer_lands_where_the_hole_was():
    columns = np.linspace(0, 255, 160).astype(np.uint8)
    image = np.broadcast_to(columns[None, :, None], (120, 160, 3)).copy()
    mask = hole(120, 160, (30, 90, 50, 110))

    def fill(small, small_hole):  # continues the gradient from the nearest known columns
        known = ~small_hole.any(axis=0)
        line = np.interp(np.arange(32), np.flatnonzero(known), small[0, known, 0])
        return np.broadcast_to(line[None, :, None], (32, 32, 3)).astype(np.uint8)

    filled = fill_squares(image, mask, 32, fill)
    assert np.abs(filled.astype(int) - image).max() <= 8


def test_a_completer_of_one_size_takes_any_picture():
    asked = []

    def complete(image, mask):
        asked.append(image.shape)
        return image * 0 + 128

    completer = Completer(complete, (0.5, 0.5, 0.5), 0, size=32)
    image, mask = picture(90, 70), hole(90, 70, (10, 20, 10, 20))
    completed = completer(image, mask)
    assert asked == [(1, 32, 32, 3)]
    assert np.array_equal(completed[~mask], image[~mask])
    completer.batch([image[:32, :32]] * 2, [mask[:32, :32]] * 2)
    assert asked[-1] == (2, 32, 32, 3)


def test_a_completer_for_middles_puts_every_hole_there():
    asked = []

    def complete(image, mask):
        asked.append(np.asarray(mask)[0, ..., 0])
        return image * 0 + 1.0

    completer = Completer(complete, (0.5, 0.5, 0.5), 0, size=32, middle=14)
    completed = completer(picture(32, 32), hole(32, 32, (0, 6, 0, 32)))
    assert (completed[:6] >= 250).all()  # scaled back together with the known pixels beside it
    assert asked[0][[0, -1]].all() and asked[0][15, 15]  # beyond the picture all is hole
    assert completer.takes(32, 32) is False


# The whole picture, scaled ------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(100, 80), (20, 70), (24, 20), (32, 32)])
def test_the_whole_picture_is_scaled_and_its_holes_are_never_read(shape):
    image, mask = picture(*shape), hole(*shape, (5, 9, 4, 8), (12, 15, 10, 16))
    other = np.where(mask[..., None], 255 - image, image)
    seen = []

    def fill(small, small_hole):
        seen.append((small, small_hole))
        return np.full_like(small, 7)

    first, second = (fill_whole(i, mask, 32, fill) for i in (image, other))
    assert np.array_equal(first, second)
    assert len(seen) == 2 and np.array_equal(seen[0][0], seen[1][0])
    assert np.array_equal(first[~mask], image[~mask]) and (first[mask] == 7).all()
    small, small_hole = seen[0]
    assert small.shape == (32, 32, 3)
    places = [(v * 2 + 1) * 16 // n for v, n in zip(np.nonzero(mask), shape, strict=True)]
    assert small_hole[tuple(places)].all()  # no pixel of a hole is lost between the scaled ones


def test_a_whole_picture_of_the_right_size_is_not_scaled():
    image, mask = picture(32, 32), hole(32, 32, (5, 9, 4, 8))

    def fill(small, small_hole):
        assert np.array_equal(small_hole, mask)
        assert np.array_equal(small[~mask], image[~mask])
        return 255 - small

    filled = fill_whole(image, mask, 32, fill)
    assert (filled[mask] == 255).all() and np.array_equal(filled[~mask], image[~mask])


def test_whole_pictures_with_holes_beyond_the_middle_are_refused():
    image = picture(100, 80)
    inside, beyond = (hole(100, 80, (45, 55, left, left + 5)) for left in (37, 3))
    completer = Completer(lambda image, _: image / 255, (0, 0, 0), 0, size=32, middle=8, whole=True)
    assert completer(image, inside).shape == image.shape
    with pytest.raises(UserError, match="fills the middle 8 of 32 pixels, .* whole_picture=0"):
        completer(image, beyond)
