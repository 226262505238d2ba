"""Records and saves what a run has reached, also when a signal ends it."""

from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np

from glcic_jax.runtime.errors import UserError
from glcic_jax.train.interrupt import Interrupted
from glcic_jax.train.report import Report
from glcic_jax.types import Metrics, Phase, TrainState, phase_at
from glcic_jax.weights.checkpoint import Checkpoints


class Keeper:
    """Records and saves what a run has reached.

    Args:
      phases: the method's.
      checkpoints: the run's.
      report: receives metrics.
      about: describes the run, for its checkpoints.
      first: the number of updates that were done when it began.
    """

    def __init__(
        self, phases: tuple[Phase, ...], checkpoints: Checkpoints, report: Report,
        about: dict[str, Any], first: int,
    ) -> None:  # fmt: skip
        self._phases, self._checkpoints, self._report = phases, checkpoints, report
        self._about, self._first, self._recorded = about, first, first

    def record(self, step: int, metrics: Metrics) -> None:
        """Records the metrics of update `step`, and stops a run that has diverged."""
        phase = phase_at(self._phases, step - 1)
        values = {name: float(metrics[name]) for name in phase.metrics}
        require_finite(step, phase.name, values)
        self._report.scalars(step, phase.name, values)
        self._recorded = step

    def save(self, step: int, state: TrainState, scores: dict[str, float]) -> None:
        """Saves a state that was recorded, unless it is saved."""
        self._checkpoints.save(step, state, about=self._about, metrics=scores)

    def leave(self, leaving: Interrupted, state: TrainState, made: Sequence[Metrics]) -> NoReturn:
        """Ends the run after what it has reached is saved.

        Args:
          leaving: is raised.
          state: after the last update.
          made: metrics of updates; the last are those of the last update, if there was one.
        """
        step, line = int(state.step), leaving.nothing_to_save
        if step > self._first:
            line = f"{leaving.name}: saved step {step}, leaving"
            if step > self._recorded:
                self.record(step, made[-1])
            self.save(step, state, {})
        self._checkpoints.wait()
        self._report.message(line)
        raise leaving


def require_finite(step: int, phase: str, values: dict[str, float]) -> None:
    """Refuses values that are not finite, and so stops a run that has diverged.

    Once a loss is not finite, it stays so. A check before every save therefore keeps all
    checkpoints good.

    Args:
      step: the number of the update.
      phase: its phase's name.
      values: the update's metrics by name.

    Raises:
      UserError: a value is NaN or infinite; names the step, the phase and the value.
    """
    bad = [name for name, value in values.items() if not np.isfinite(value)]
    if bad:
        raise UserError(
            f"{bad[0]} is {values[bad[0]]} at step {step:,}, in the {phase} phase: stopped, the "
            "last checkpoint is good; start from it with another seed or a lower learning rate"
        )
