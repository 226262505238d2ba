"""Curves are told apart: by colours that colour-blind readers distinguish, then by dashes."""

import itertools
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from glcic_jax.train.chart import COLOURS, DASHES, chart, mark

BLINDNESS = {
    "none": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
"""What each kind of eye makes of linear RGB (Machado et al. 2009, severity 1)."""

XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)


def linear(colour):
    """Returns the linear RGB of a colour such as "#3366cc"."""
    values = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def lab(colour, eyes):
    """Returns a colour in CIE L*a*b*, as some eyes see it."""
    seen = np.clip(np.array(BLINDNESS[eyes]) @ linear(colour), 0, 1)
    x, y, z = np.cbrt(XYZ @ seen / XYZ.sum(axis=1))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("eyes", BLINDNESS)
def test_colours_differ_for_all_eyes(eyes):
    for one, other in itertools.combinations(COLOURS, 2):
        assert np.linalg.norm(lab(one, eyes) - lab(other, eyes)) > 20, (one, other)


@pytest.mark.parametrize("page", ["#ffffff", "#1c1b22"])  # of browsers, by day and by night
def test_colours_stand_out_from_the_page(page):
    for colour in COLOURS:  # WCAG 2.1, 1.4.11: three to one for lines of a drawing
        dark, light = sorted(float(XYZ[1] @ linear(each)) for each in (colour, page))
        assert (light + 0.05) / (dark + 0.05) >= 3, colour


def strokes(drawing):
    return re.findall(r'stroke="(#\w+)" fill="#\w+" stroke-dasharray="([\w ]+)"', drawing)


def test_curves_have_strokes_of_their_own_and_their_names_have_them_too():
    count = len(COLOURS) * len(DASHES)
    curves = {f"run <{n}>": [(0, float(n)), (9, 1.0 + n)] for n in range(count)}
    drawing = chart("x", curves, (), logarithmic=False)
    tree = ElementTree.fromstring(drawing)
    assert [title.text for title in tree.iter("title")] == list(curves)
    lines, key = strokes(drawing)[:count], strokes(drawing)[count:]
    assert len(set(lines)) == count
    assert key == lines == [stroke for n in range(count) for stroke in strokes(mark(n))]
    assert lines[: len(COLOURS)] == [(colour, "none") for colour in COLOURS]
    assert all(one[0] == other[0] for one, other in zip(lines, lines[8:], strict=False))
