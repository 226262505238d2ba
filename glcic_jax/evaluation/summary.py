"""From numbers per picture to results.json: means, intervals, bins of the hole's share."""

from typing import Any

import numpy as np

from glcic_jax.evaluation import bootstrap
from glcic_jax.evaluation.bootstrap import Estimate

BINS = ((0, 0.1), (0.1, 0.2), (0.2, 0.3), (0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (0.6, 1))
"""Shares of the picture that a hole covers: the six bins of Liu et al. 2018, and what is beyond."""

Scores = dict[str, dict[str, Any]]
"""By method and metric: {"value", "low", "high", "pictures"}; null where it is not defined."""


def summary(scores: dict[str, dict[str, np.ndarray]], shares: np.ndarray) -> dict[str, Any]:
    """Means with intervals over all pictures, and over those of each bin that has some.

    Args:
      scores: by method and metric, [n].
      shares: of each picture that its hole covers, [n]; the lower end of a bin belongs to it.

    Returns:
      "pictures", "scores", "bins": what results.json holds.
    """
    bins = {}
    for low, high in BINS:
        inside = (shares >= low) & ((shares < high) | (high == 1))
        if inside.any():
            bins[f"{100 * low:.0f}-{100 * high:.0f} %"] = {
                "pictures": int(inside.sum()),
                "scores": _means(scores, inside),
            }
    everything = np.ones(len(shares), bool)
    return {"pictures": len(shares), "scores": _means(scores, everything), "bins": bins}


def _means(scores: dict[str, dict[str, np.ndarray]], chosen: np.ndarray) -> Scores:
    return {
        method: {name: cell(bootstrap.mean(values[chosen])) for name, values in metrics.items()}
        for method, metrics in scores.items()
    }


def cell(estimate: Estimate) -> dict[str, Any]:
    """As JSON has it: null for what is not a number."""
    return {
        name: value if np.isfinite(value) else None for name, value in estimate._asdict().items()
    }
