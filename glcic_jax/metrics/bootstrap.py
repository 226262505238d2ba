"""Intervals by resampling the pictures (Efron and Tibshirani 1993, percentile method)."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

RESAMPLES = 2000
SEED = 0
COVERAGE = 95.0
"""Per cent."""

CHUNK = 2**22
"""Weights drawn at a time, which bounds the memory."""

BLOCK = 2**24
"""Of a kernel, entries made at a time: 128 MiB."""


class Estimate(NamedTuple):
    """A value, the ends of its interval (NaN where there is none), and from how many pictures."""

    value: float
    low: float
    high: float
    pictures: int


def mean(values: Float[np.ndarray, "n"]) -> Estimate:
    """The mean of what is finite, with its interval from two on; the same numbers every time.

    Every call with as many values resamples alike, so differences of two means agree with the
    mean of the differences.
    """
    values = values[np.isfinite(values)]
    if len(values) < 2:
        return Estimate(values[0] if len(values) else np.nan, np.nan, np.nan, len(values))
    means = [weights @ values / len(values) for weights in resamples(len(values))]
    return Estimate(float(values.mean()), *interval(np.concatenate(means)), len(values))


def pairs_mean(kernel: Callable[[slice], Float[np.ndarray, "m n"]], count: int) -> Estimate:
    """The mean over all pairs of two different pictures, with its interval.

    In a resample a picture may stand several times; it makes no pair with itself.

    Args:
      kernel: gives some rows of a symmetric matrix [count, count]; asked for a few at a time, which
        bounds the memory.
      count: of pictures.
    """
    if count < 2:
        return Estimate(np.nan, np.nan, np.nan, count)
    weights = np.concatenate([part.astype(np.uint16) for part in resamples(count)])
    total, totals = 0.0, np.zeros(RESAMPLES)
    size = max(1, BLOCK // count)
    for start in range(0, count, size):
        rows = kernel(slice(start, start + size))
        np.fill_diagonal(rows[:, start:], 0)
        total += rows.sum()
        some = max(1, CHUNK // count)
        for first in range(0, RESAMPLES, some):
            part = weights[first : first + some].astype(np.float64)
            own = part[:, start : start + size]
            totals[first : first + some] += np.einsum("bi,bi->b", part @ rows.T, own)
    pairs = count**2 - np.square(weights, dtype=np.int64).sum(axis=1)
    means = totals[pairs > 0] / pairs[pairs > 0]
    return Estimate(float(total / (count * (count - 1))), *interval(means), count)


def interval(statistics: Float[np.ndarray, "b"]) -> tuple[float, float]:
    """The ends between which the middle 95 % of the resampled statistics lie."""
    outside = (100 - COVERAGE) / 2
    low, high = np.percentile(statistics, (outside, 100 - outside))
    return float(low), float(high)


def resamples(count: int) -> Iterator[Float[np.ndarray, "b n"]]:
    """How often each of `count` pictures stands in a resample of as many, some resamples a time."""
    rng = np.random.default_rng((SEED, count))
    rows = max(1, CHUNK // count)
    for start in range(0, RESAMPLES, rows):
        size = min(rows, RESAMPLES - start)
        drawn = rng.integers(count, size=(size, count)) + count * np.arange(size)[:, None]
        weights = np.bincount(drawn.ravel(), minlength=size * count)
        yield weights.reshape(size, count).astype(np.float64)
