"""Computes intervals over runs that differ in their seed alone, and over pictures, together.

The pictures are resampled, as in `bootstrap`. Runs are too few for that: three of them, drawn anew,
are the same three values in another order. So what runs add to a resample is drawn from Student's t
distribution, at the spread that the runs have over the pictures of the resample. Where the pictures
vary and the runs do not, the interval is that of the bootstrap; where the runs vary and the
pictures do not, it is Student's.
"""

import numpy as np
from jaxtyping import Float

from glcic_jax.metrics.bootstrap import RESAMPLES, SEED, Estimate, interval, resamples

Group = Float[np.ndarray, "s n"]
"""One number for each run and picture. NaN: not defined there."""


def over_seeds(first: Group, second: Group | None = None) -> Estimate:
    """Returns the mean over all runs and pictures, or a difference of two means, with its interval.

    A picture that some run has no number of is left out. A group of one run adds nothing for runs:
    the interval then covers other pictures, and no other run.

    Args:
      first: a group of runs.
      second: another one on the same pictures, whose mean is subtracted. Its runs are others. Runs
        that belong together in pairs are subtracted first, and given as one group.

    Returns:
      The estimate; no interval for fewer than two pictures.
    """
    groups = [first] if second is None else [first, second]
    known = np.isfinite(np.concatenate(groups)).all(axis=0)
    groups = [group[:, known] for group in groups]
    count = int(known.sum())
    signs = (1.0, -1.0)
    if not count:
        return Estimate(np.nan, np.nan, np.nan, 0)
    value = sum(sign * group.mean() for sign, group in zip(signs, groups, strict=False))
    if count < 2:
        return Estimate(float(value), np.nan, np.nan, count)
    weights = np.concatenate(list(resamples(count))) / count
    rng = np.random.default_rng((SEED, count, *(len(group) for group in groups)))
    drawn = np.zeros(RESAMPLES)
    variance, inverse = np.zeros(RESAMPLES), np.zeros(RESAMPLES)
    for sign, group in zip(signs, groups, strict=False):
        runs = len(group)
        means = weights @ group.T  # of each run, over the pictures of each resample
        drawn += sign * means.mean(axis=1)
        if runs > 1:
            own = means.var(axis=1, ddof=1) / runs
            variance, inverse = variance + own, inverse + own**2 / (runs - 1)
    # Welch 1947: the degrees of freedom of two groups together.
    vary = variance > 0
    freedom = variance[vary] ** 2 / inverse[vary]
    drawn[vary] += np.sqrt(variance[vary]) * rng.standard_t(freedom)
    return Estimate(float(value), *interval(drawn), count)


def spread(group: Group) -> float:
    """Returns the standard deviation of the runs' means; NaN for one run."""
    means = np.nanmean(group, axis=1)
    return float(means.std(ddof=1)) if len(means) > 1 else np.nan
