"""Puts the steps of a training in sequence, and knows nothing about any method."""

from collections import deque
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import jax
import numpy as np
from jax.sharding import Mesh
from jaxtyping import PRNGKeyArray

from glcic_jax.data.pipeline import Dataset
from glcic_jax.metrics.held_out import HeldOutScores
from glcic_jax.runtime.devices import place, state_shardings
from glcic_jax.runtime.distributed import end_together
from glcic_jax.runtime.errors import UserError
from glcic_jax.train.clock import Clock
from glcic_jax.train.interrupt import Interrupt, Interrupted
from glcic_jax.train.report import Report
from glcic_jax.train.start import Networks, with_networks
from glcic_jax.train.step import StepFn, init_key, make_train_step
from glcic_jax.train.throughput import Profiler, batch_shapes, ideal_seconds
from glcic_jax.train.viewer import Viewer
from glcic_jax.types import Batch, Method, Metrics, Phase, TrainState, phase_at, phase_ends
from glcic_jax.weights.checkpoint import Checkpoints

IN_FLIGHT = 8
"""Steps that the host may be ahead of the devices. It bounds the memory that they hold."""


def train(
    config: Any, method: Method, dataset: Dataset, mesh: Mesh, report: Report, workdir: Path,
    measure: HeldOutScores, start: Networks | None = None,
) -> TrainState:  # fmt: skip
    """Trains `method` to the end of its last phase, from the latest checkpoint if there is one.

    A fresh run begins with the networks `start`, if they are given. `measure` makes the scores.

    Raises:
      UserError: non-finite losses, a full disk, or checkpoints that cannot be restored.
      Interrupted: SIGTERM or Ctrl-C arrived; the state is saved.
    """
    ends, every = phase_ends(method.phases), config.every
    about = {"config": config.to_dict(), "mean_pixel": list(dataset.mean_pixel)}
    with (
        Checkpoints(
            workdir, keep=config.keep, keep_steps=ends, best=config.best, report=report.message
        ) as checkpoints,
        Interrupt() as interrupt,
        Profiler(workdir, config.profile) as profiler,
    ):
        # Make the programs. They are compiled when they are first called.
        leave = partial(_leave_compiling, interrupt, checkpoints, report)
        step_fn = make_train_step(method, mesh, jax.random.key(config.seed), check=leave)
        viewer = Viewer(method, mesh, dataset, config.data.batch_size, measure, interrupt.check)
        # Begin: the state, and the place in the data that belongs to it.
        state = _first_state(config, method, mesh, checkpoints, report, start)
        first = int(state.step)
        batches = dataset.batches(first)
        shapes = batch_shapes(dataset.held_out, config.data.batch_size)
        report.ideal_seconds = ideal_seconds(config.dtype, method, mesh, state, shapes)
        if first == 0 and start is not None:  # how good the start is by itself
            report.evaluation(0, phase_at(method.phases, 0).name, *viewer.scores(state))
            report.grid(0, *viewer.grid(state))
        clock, in_flight = report.clock, deque[Metrics]()
        for step in range(first + 1, ends[-1] + 1):
            # Make an update.
            phase = phase_at(method.phases, step - 1)
            profiler.before_update(state)
            state, metrics = _update(step_fn, state, batches, in_flight, clock, phase.name)

            # Record, show, score and save what is due; end if a signal has come.
            leaving = Interrupted(signum) if (signum := interrupt.at(step)) else None
            ending, scores = step in ends, {}
            saving = ending or leaving or _due(step, every.checkpoint)
            if recording := saving or _due(step, every.log):
                _record(step, phase, metrics, report)
            interrupt.patient = ending  # the last pictures and scores of a phase must not miss
            with clock.paused():
                try:
                    scores = _show(step, phase.name, ending, every, state, viewer, report)
                except Interrupted as error:  # nothing to show yet: that was still being compiled
                    leaving = error
                    if not recording:
                        _record(step, phase, metrics, report)
                if saving or leaving:
                    checkpoints.save(step, state, about=about, metrics=scores)
            if leaving:
                _leave_saved(leaving, step, checkpoints, report)
    return state


def _show(
    step: int, phase: str, ending: bool, every: Any, state: TrainState, viewer: Viewer,
    report: Report,
) -> dict[str, float]:  # fmt: skip
    """Shows pictures and scores if they are due; returns the scores."""
    scores = {}
    if ending or _due(step, every.images):
        report.grid(step, *viewer.grid(state))
    if ending or _due(step, every.evaluate):
        scores, each = viewer.scores(state)
        report.evaluation(step, phase, scores, each)
    return scores


def _leave_saved(leaving: Interrupted, step: int, saves: Checkpoints, report: Report) -> NoReturn:
    """Ends the run after a save."""
    saves.wait()
    report.message(f"{leaving.name}: saved step {step}, leaving")
    raise leaving


def _leave_compiling(interrupt: Interrupt, checkpoints: Checkpoints, report: Report) -> None:
    """Ends the run if a signal was noted. To be called while a step is compiled.

    All that was trained is saved then: a step is compiled at the start, and after a phase's end.
    """
    if interrupt.signum:
        checkpoints.wait()
        leaving = Interrupted(interrupt.signum)
        line = f"{leaving.name} while compiling: nothing to save, leaving"
        end_together(line, leaving.code)
        report.message(line)
        raise leaving


def _due(step: int, every: int) -> bool:
    """Returns whether something that happens every so many updates happens now; 0 = never."""
    return every > 0 and step % every == 0


def _update(
    step_fn: StepFn,
    state: TrainState,
    batches: Iterator[Batch],
    in_flight: deque[Metrics],
    clock: Clock,
    phase: str,
) -> tuple[TrainState, Metrics]:
    """Hands the devices an update, and waits for the one that is IN_FLIGHT updates older."""
    with clock.update(phase) as first:
        with clock.waiting():
            batch = next(batches)
        with jax.transfer_guard("disallow"):
            state, metrics = step_fn(state, batch)
        if first:
            jax.block_until_ready(metrics)
    in_flight.append(metrics)
    if len(in_flight) > IN_FLIGHT:
        jax.block_until_ready(in_flight.popleft())
    return state, metrics


def _record(step: int, phase: Phase, metrics: Metrics, report: Report) -> None:
    """Records the metrics of an update, and stops a run that has diverged."""
    values = {name: float(metrics[name]) for name in phase.metrics}
    require_finite(step, phase.name, values)
    report.scalars(step, phase.name, values)


def _first_state(
    config: Any,
    method: Method,
    mesh: Mesh,
    checkpoints: Checkpoints,
    report: Report,
    start: Networks | None,
) -> TrainState:
    """Returns the state of the latest checkpoint, or a fresh one that begins with `start`."""
    key = init_key(config.seed)
    # Only a resumed run pays for the shapes: to find them all networks are traced.
    like = _state_like(method, mesh, key) if checkpoints.steps() else None
    if like is not None and (state := checkpoints.restore_latest(like)) is not None:
        report.resume(int(state.step))
        over = int(state.step) >= phase_ends(method.phases)[-1]
        finished = "training is finished, nothing to do; longer config.phases train on"
        outcome = finished if over else "resuming"
        report.message(f"found a checkpoint of step {int(state.step):,}: {outcome}")
        return state

    # There is none: begin a run.
    state = method.init(key)
    if start is not None:
        state = with_networks(state, start)
        report.message(f"starts from {config.init_from}: {', '.join(start)}")
    report.resume(0)
    return place(mesh, state)


def _state_like(method: Method, mesh: Mesh, key: PRNGKeyArray) -> TrainState:
    """Returns the shapes of a state, and where its arrays belong."""
    shapes = jax.eval_shape(method.init, key)
    return jax.tree.map(
        lambda leaf, sharding: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding),
        shapes,
        state_shardings(mesh, shapes),
    )


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
