"""Masks of labels, palettes and transparency are read rightly or refused with their values."""

import cv2
import numpy as np
import pytest
from PIL import Image

from glcic_jax.pictures.mask_files import mask_levels
from glcic_jax.runtime.errors import UserError
from tests.helpers.pictures import file_of


def test_masks_of_two_values_are_filled_where_they_are_not_0():
    shape = np.zeros((6, 8), np.uint8)
    shape[2:4, 3:6] = 1
    labels = Image.fromarray(shape).convert("P")
    labels.putpalette([0, 0, 0, 128, 0, 0] + [0] * 750)  # the dark red of PASCAL VOC's first label
    for data in (
        file_of(shape, "PNG"),
        file_of(shape * 255, "PNG"),
        file_of(shape.astype(np.float32), "TIFF"),
        cv2.imencode(".png", shape.astype(np.uint16))[1].tobytes(),
        file_of(labels, "PNG"),
    ):
        np.testing.assert_array_equal(mask_levels(data, "a") >= 128, shape == 1)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([[0, 1, 2, 3]], "is nowhere white, its values are 0, 1, 2, 3: give a mask that is black"),
        ([[0, 9, 20, 30, 40, 50]], r"its values are 0, 9, 20, 30, \.\.\.: give"),
        ([[3, 3], [3, 3]], None),
    ],
)
def test_labels_and_faint_masks_are_refused_with_their_values(values, message):
    data = file_of(np.array(values, np.uint8), "PNG")
    if message is None:  # one value below half: nothing is to be filled
        assert not (mask_levels(data, "a") >= 128).any()
        return
    with pytest.raises(UserError, match=message):
        mask_levels(data, "a")


def test_a_palette_of_bright_labels_is_refused():
    labels = Image.fromarray(np.array([[0, 1, 2]], np.uint8)).convert("P")
    labels.putpalette([0, 0, 0, 200, 250, 10, 250, 30, 200] + [0] * 747)
    with pytest.raises(UserError, match="is a palette of 3 labels: give a mask"):
        mask_levels(file_of(labels, "PNG"), "a")


def test_a_shape_in_the_transparency_alone_is_refused():
    alpha = np.zeros((4, 5, 4), np.uint8)
    alpha[1:3, 1:3, 3] = 255  # black strokes on a transparent ground
    with pytest.raises(UserError, match="a shape in its transparency alone: give a mask"):
        mask_levels(file_of(alpha, "PNG"), "a")
