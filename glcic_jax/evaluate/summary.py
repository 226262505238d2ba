"""Turns numbers and features per picture into results.json: means, intervals, bins, distances."""

from typing import Any

import numpy as np

from glcic_jax.metrics import bootstrap
from glcic_jax.metrics.bootstrap import Estimate
from glcic_jax.metrics.columns import column_of
from glcic_jax.metrics.distances import fooled, frechet_distance, kernel_distance

BINS = ((0, 0.1), (0.1, 0.2), (0.2, 0.3), (0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (0.6, 1))
"""Shares of the picture that a hole covers: the six bins of Liu et al. 2018, and one above them."""

INCEPTION = "inception"
"""The network whose distances have names of their own."""

Scores = dict[str, dict[str, Any]]
"""{"value", "low", "high", "pictures"} by method and metric; None where it is not defined."""


def summary(scores: dict[str, dict[str, np.ndarray]], shares: np.ndarray) -> dict[str, Any]:
    """Computes means with intervals over all pictures, and over those of each bin that has some.

    Args:
      scores: by method and metric, float [n], one number per picture.
      shares: share of each picture that its hole covers, float [n]; the lower end of a bin belongs
        to it.

    Returns:
      "pictures", "scores" and "bins" of results.json.
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


def add_distances(
    results: dict[str, Any],
    features: dict[str, dict[str, np.ndarray]],
    truth: str,
    missing: dict[str, str],
) -> None:
    """Adds the distances between collections to "scores", and "missing" and "notes" about them.

    Args:
      results: from `summary`.
      features: by network, then by method or `truth`, float [n, d].
      truth: the name of the pictures themselves.
      missing: reason by metric that is not computed; metrics that need more pictures are added.
    """
    results["missing"], results["notes"] = missing, _undefined(results)
    for network, by_method in features.items():
        count, width = by_method[truth].shape
        few = count <= width
        if few and network == INCEPTION:
            results["notes"] += _few(count, width)
        elif few:
            missing[f"fd_{network}"] = f"needs more than {width:,} pictures"
        for method, values in results["scores"].items():
            pair = by_method[method], by_method[truth]
            if network == INCEPTION:
                scores = fooled(*pair)
                values["fid"] = _alone(frechet_distance(*pair), count)
                values["kid"] = as_json(kernel_distance(*pair))
                values["p_ids"] = _alone(scores.paired, count)
                values["u_ids"] = _alone(scores.unpaired, count)
                continue
            values[f"kd_{network}"] = as_json(kernel_distance(*pair))
            if not few:
                values[f"fd_{network}"] = _alone(frechet_distance(*pair), count)


def _undefined(results: dict[str, Any]) -> list[str]:
    """Returns a note on each metric that is not defined for all pictures."""
    notes, total = [], results["pictures"]
    for name in next(iter(results["scores"].values())):
        least = min(values[name]["pictures"] for values in results["scores"].values())
        if least < total:
            notes.append(
                f"{column_of(name).label}: over {least:,} of {total:,} pictures: the others, or "
                "their holes, do not have the size that it needs"
            )
    return notes


def _few(count: int, width: int) -> list[str]:
    reason = f"{count:,} pictures are no more than Inception's {width:,} features"
    return [
        f"FID: {reason}: its covariances are not of full rank, and it is far too high: compare it "
        "at this number of pictures only; KID has no such bias",
        f"P-IDS, U-IDS: {reason}: a plane can part almost any two collections, so 0 means little",
    ]


def _alone(value: float, count: int) -> dict[str, Any]:
    return as_json(Estimate(value, np.nan, np.nan, count))


def _means(scores: dict[str, dict[str, np.ndarray]], chosen: np.ndarray) -> Scores:
    return {
        method: {name: as_json(bootstrap.mean(values[chosen])) for name, values in metrics.items()}
        for method, metrics in scores.items()
    }


def as_json(estimate: Estimate) -> dict[str, Any]:
    """Returns an estimate as JSON has it: None (null) for a value that is not a number."""
    return {
        name: value if np.isfinite(value) else None for name, value in estimate._asdict().items()
    }
