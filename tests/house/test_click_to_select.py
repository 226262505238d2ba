"""How click to select is measured."""

import json

import numpy as np
import pytest

from experiments.click_to_select import OUTLINES, correction, deepest, filled, main

THINGS = json.loads(OUTLINES.read_text())


def test_outlines_are_polygons_with_an_inside():
    assert len(THINGS) == 51
    assert len({(one["photograph"], one["thing"]) for one in THINGS}) == 51
    for one in THINGS:
        assert one["of"] in ("skimage", "ccby")
        points = np.array(one["outline"])
        assert points.min() >= 0
        area = filled(one["outline"], tuple(points.max(axis=0)[::-1] + 1))
        assert 60 < area.sum() < 200_000


def test_a_correction_is_where_the_selection_errs_most():
    truth = np.zeros((40, 60), bool)
    truth[10:30, 10:30] = True
    mark, depth = deepest(truth)
    assert mark.inside
    assert depth == pytest.approx(10, abs=1)
    assert 18 <= mark.points[0][0] <= 21
    found = truth.copy()
    found[10:30, 10:20] = False
    missed = correction(truth, found)
    assert missed.inside
    assert 13 <= missed.points[0][0] <= 16
    found[5:35, 30:60] = True
    wrong = correction(truth, found)
    assert not wrong.inside
    assert 40 <= wrong.points[0][0] <= 50


def test_a_missing_photograph_is_one_line(tmp_path, capsys):
    assert main(["--photographs", str(tmp_path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "No such file or directory" in line
