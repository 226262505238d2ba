"""Decides which checkpoint of a run is the best."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

HELD_OUT = "held_out/"
"""What the names of scores begin with."""

L1 = "l1"
"""The metric of the best checkpoint where a config names none; the only one that checkpoints of
older versions hold."""


def badness(about: Mapping[str, Any], metric: str) -> float:
    """Returns a number that is lowest for the best checkpoint; NaN where it has no score.

    Args:
      about: the checkpoint's description.
      metric: the name of a score, such as "l1".
    """
    scores = about.get("scores")
    from glcic_jax.metrics.columns import COLUMNS  # completing need not wait for the metrics

    value = scores.get(f"{HELD_OUT}{metric}") if scores is not None else None
    if scores is None and metric == L1:
        value = about.get("score")
    if value is None or not math.isfinite(value):
        return math.nan
    larger_is_better = metric in COLUMNS and COLUMNS[metric].best is max
    return -value if larger_is_better else value


def best_of(found: Mapping[int, float]) -> int | None:
    """Returns the step of the lowest number, the first of equal ones; None if none is finite."""
    scored = [step for step in sorted(found) if math.isfinite(found[step])]
    return min(scored, key=found.__getitem__) if scored else None


class Scores(dict[int, float]):
    """Holds the badness of steps, to keep the checkpoint with the lowest one.

    Orbax itself forgets the scores when a run is resumed.
    """

    def should_preserve(self, checkpoints: Sequence[Any], *, context: Any) -> list[bool]:
        """Returns for each checkpoint whether to keep it; Orbax's PreservationPolicy calls this."""
        best = best_of({c.step: self.get(c.step, math.nan) for c in checkpoints})
        return [c.step == best for c in checkpoints]
