"""Which checkpoint is the best."""

import math
from collections.abc import Sequence
from typing import Any

BEST = "held_out/l1"
"""The metric by which the best checkpoint is kept; lower is better."""


class Scores(dict[int, float]):
    """Scores by step, to keep the lowest one's checkpoint; Orbax forgets them over a resume."""

    def should_preserve(self, checkpoints: Sequence[Any], *, context: Any) -> list[bool]:
        """Which ones to keep, as Orbax's PreservationPolicy asks it."""
        scored = [c.step for c in checkpoints if math.isfinite(self.get(c.step, math.nan))]
        return [bool(scored) and c.step == min(scored, key=self.__getitem__) for c in checkpoints]
