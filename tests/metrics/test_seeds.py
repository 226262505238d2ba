"""Intervals over runs and pictures together, on numbers whose truth is known."""

import numpy as np
import pytest

from glcic_jax.metrics import bootstrap
from glcic_jax.metrics.seeds import over_seeds, spread


def drawn(rng, runs, pictures, of_runs, of_pictures, rest, shared=None):
    """Numbers around 0: each run and each picture has an effect of its own."""
    own = rng.normal(size=pictures) if shared is None else shared
    return (
        of_runs * rng.normal(size=(runs, 1))
        + of_pictures * own
        + rest * rng.normal(size=(runs, pictures))
    )


@pytest.mark.parametrize(
    ("runs", "of_runs", "of_pictures"),
    [(3, 1.0, 0.1), (3, 0.05, 1.0), (3, 0.3, 1.5), (2, 1.0, 0.1), (5, 0.3, 1.0)],
)
def test_nineteen_of_twenty_intervals_hold_the_truth(runs, of_runs, of_pictures, monkeypatch):
    monkeypatch.setattr("glcic_jax.metrics.seeds.RESAMPLES", 500)
    monkeypatch.setattr("glcic_jax.metrics.bootstrap.RESAMPLES", 500)
    rng, held = np.random.default_rng(0), 0
    for _ in range(400):
        found = over_seeds(drawn(rng, runs, 40, of_runs, of_pictures, 0.3))
        held += found.low <= 0 <= found.high
    assert 0.91 <= held / 400 <= 0.99  # .95 to within three standard errors, and a little above


@pytest.mark.parametrize(("of_runs", "rest"), [(0.5, 0.1), (0.0, 0.5), (0.1, 0.5)])
def test_differences_of_groups_are_as_sure(of_runs, rest, monkeypatch):
    monkeypatch.setattr("glcic_jax.metrics.seeds.RESAMPLES", 500)
    monkeypatch.setattr("glcic_jax.metrics.bootstrap.RESAMPLES", 500)
    rng, held = np.random.default_rng(1), 0
    for _ in range(400):
        shared = rng.normal(size=40)  # hard pictures are hard for both
        groups = [drawn(rng, 3, 40, of_runs, 2.0, rest, shared) for _ in range(2)]
        found = over_seeds(*groups)
        held += found.low <= 0 <= found.high
    assert 0.92 <= held / 400 <= 1.0  # noise of single numbers counts twice: never too narrow


def test_pictures_alone_would_be_far_too_sure():
    """The fault that this is for: intervals that cover pictures, and not seeds."""
    rng, held = np.random.default_rng(2), 0
    for _ in range(100):
        one, other = (drawn(rng, 1, 40, 1.0, 0.1, 0.1)[0] for _ in range(2))
        found = bootstrap.mean(one - other)
        held += found.low <= 0 <= found.high
    assert held < 30


def test_one_run_has_the_interval_of_its_pictures():
    values = np.random.default_rng(3).normal(size=(1, 25))
    assert over_seeds(values) == pytest.approx(bootstrap.mean(values[0]))
    other = values + np.linspace(0, 1, 25)
    expected = bootstrap.mean(values[0] - other[0])
    assert over_seeds(values, other) == pytest.approx(expected)


def test_a_picture_that_a_run_has_no_number_of_is_left_out():
    values = np.random.default_rng(4).normal(size=(3, 10))
    without = over_seeds(np.delete(values, 4, axis=1))
    values[1, 4] = np.nan
    assert over_seeds(values) == pytest.approx(without)
    assert over_seeds(values).pictures == 9
    assert np.isnan(over_seeds(np.full((2, 3), np.nan)).value)
    assert np.isnan(over_seeds(values[:, :1]).low)


def test_the_spread_is_that_of_the_runs_means():
    values = np.array([[1.0, 3.0], [4.0, 4.0], [6.0, np.nan]])
    assert spread(values) == pytest.approx(np.std([2, 4, 6], ddof=1))
    assert np.isnan(spread(values[:1]))
