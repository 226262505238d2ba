"""Keeps the best checkpoint of a run."""

import math
from collections.abc import Sequence
from typing import Any

BEST = "held_out/l1"
"""The metric of the best checkpoint; lower is better."""


class Scores(dict[int, float]):
    """Holds scores by step, to keep the checkpoint with the lowest one.

    Orbax itself forgets the scores when a run is resumed.
    """

    def should_preserve(self, checkpoints: Sequence[Any], *, context: Any) -> list[bool]:
        """Returns for each checkpoint whether to keep it; Orbax's PreservationPolicy calls this."""
        scored = [c.step for c in checkpoints if math.isfinite(self.get(c.step, math.nan))]
        return [bool(scored) and c.step == min(scored, key=self.__getitem__) for c in checkpoints]
