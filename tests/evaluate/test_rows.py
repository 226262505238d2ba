"""Patterns for rows: a star is all that is special, and what it stands for orders them."""

import pytest

from glcic_jax.evaluate.rows import rows_like

NAMES = ["runs/a/seed2", "runs/a/seed0", "runs/b/seed1", "telea", "x[1]", "x1", "a.b*", "a.bc"]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("runs/a/*", {("seed0",): "runs/a/seed0", ("seed2",): "runs/a/seed2"}),
        ("r*/seed1", {("uns/b",): "runs/b/seed1"}),
        ("*a/seed*", {("runs/", "0"): "runs/a/seed0", ("runs/", "2"): "runs/a/seed2"}),
        ("telea", {(): "telea"}),
        ("telea*", {("",): "telea"}),
        ("x[1]*", {("",): "x[1]"}),
        ("x?", {}),
        ("a.b*", {(): "a.b*"}),
        ("aXb*", {}),
        ("tele", {}),
    ],
)
def test_a_pattern_stands_for(pattern, found):
    rows = rows_like(pattern, NAMES)
    assert rows == found
    assert list(rows) == sorted(rows)
