"""Computes intervals by resampling pictures (Efron and Tibshirani 1993, percentile method)."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

RESAMPLES = 2000
"""Number of resamples."""

SEED = 0
"""Seed of the resamples, so that equal scores always get equal intervals."""

COVERAGE = 95.0
"""Per cent of the resampled statistics that an interval holds."""

CHUNK = 2**22
"""Weights made at a time, which bounds the memory."""

BLOCK = 2**24
"""Entries of a kernel matrix made at a time: 128 MiB."""


class Estimate(NamedTuple):
    """Holds a value with its interval.

    Attributes:
      value: the statistic over all pictures.
      low, high: ends of the interval; NaN if there is none.
      pictures: how many pictures the value comes from.
    """

    value: float
    low: float
    high: float
    pictures: int


def mean(values: Float[np.ndarray, "n"]) -> Estimate:
    """Returns the mean of the finite values, and its interval if there are two or more.

    Calls with equally many values use the same resamples. So the result can be repeated, and the
    difference of two means agrees with the mean of the differences.
    """
    values = values[np.isfinite(values)]
    if len(values) < 2:
        return Estimate(values[0] if len(values) else np.nan, np.nan, np.nan, len(values))
    means = [weights @ values / len(values) for weights in resamples(len(values))]
    return Estimate(float(values.mean()), *interval(np.concatenate(means)), len(values))


def pairs_mean(kernel: Callable[[slice], Float[np.ndarray, "m n"]], count: int) -> Estimate:
    """Returns the mean over all pairs of two different pictures, with its interval.

    A picture may occur several times in a resample. It makes no pair with itself.

    Args:
      kernel: returns some rows of a symmetric matrix [count, count]. It is called for a few rows at
        a time, which bounds the memory.
      count: number of pictures.
    """
    if count < 2:
        return Estimate(np.nan, np.nan, np.nan, count)
    # How often each picture occurs in each resample, [RESAMPLES, count].
    weights = np.concatenate([part.astype(np.uint16) for part in resamples(count)])
    total, totals = 0.0, np.zeros(RESAMPLES)
    size = max(1, BLOCK // count)
    # Sums over all pairs, and over those of each resample, block by block.
    for start in range(0, count, size):
        rows = kernel(slice(start, start + size))
        np.fill_diagonal(rows[:, start:], 0)
        total += rows.sum()
        some = max(1, CHUNK // count)
        for first in range(0, RESAMPLES, some):
            part = weights[first : first + some].astype(np.float64)
            own = part[:, start : start + size]
            totals[first : first + some] += np.einsum("bi,bi->b", part @ rows.T, own)
    # Pairs of two different pictures in each resample; it has none if all are the same picture.
    pairs = count**2 - np.square(weights, dtype=np.int64).sum(axis=1)
    means = totals[pairs > 0] / pairs[pairs > 0]
    return Estimate(float(total / (count * (count - 1))), *interval(means), count)


def interval(statistics: Float[np.ndarray, "b"]) -> tuple[float, float]:
    """Returns the ends between which the middle COVERAGE % of the resampled statistics lie."""
    outside = (100 - COVERAGE) / 2
    low, high = np.percentile(statistics, (outside, 100 - outside))
    return float(low), float(high)


def resamples(count: int) -> Iterator[Float[np.ndarray, "b n"]]:
    """Yields how often each of `count` pictures occurs in resamples of `count`, some at a time."""
    rng = np.random.default_rng((SEED, count))
    rows = max(1, CHUNK // count)
    for start in range(0, RESAMPLES, rows):
        size = min(rows, RESAMPLES - start)
        chosen = rng.integers(count, size=(size, count)) + count * np.arange(size)[:, None]
        weights = np.bincount(chosen.ravel(), minlength=size * count)
        yield weights.reshape(size, count).astype(np.float64)
