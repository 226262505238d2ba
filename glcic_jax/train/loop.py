"""Puts the steps of a training in sequence, and knows nothing about any method."""

from collections import deque
from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import jax
from jax.sharding import Mesh
from jaxtyping import PRNGKeyArray

from glcic_jax.data.pipeline import Dataset
from glcic_jax.metrics.held_out import HeldOutScores
from glcic_jax.runtime.devices import place, state_shardings
from glcic_jax.runtime.distributed import end_together
from glcic_jax.train.clock import Clock
from glcic_jax.train.interrupt import Interrupt, Interrupted
from glcic_jax.train.keeper import Keeper
from glcic_jax.train.report import Report
from glcic_jax.train.start import Networks, with_networks
from glcic_jax.train.step import StepFn, init_key, make_train_step
from glcic_jax.train.throughput import Profiler, batch_shapes, ideal_seconds
from glcic_jax.train.viewer import Viewer
from glcic_jax.types import Batch, Method, Metrics, TrainState, phase_at, phase_ends
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
        check = partial(_leave, interrupt)
        step_fn = make_train_step(method, mesh, jax.random.key(config.seed), check=check)
        check = partial(interrupt.check, "compiling")
        viewer = Viewer(method, mesh, dataset, config.data.batch_size, measure, check)
        # Begin: the state, and the place in the data that belongs to it.
        state = _first_state(config, method, mesh, checkpoints, report, start)
        first = int(state.step)
        in_flight = deque[Metrics]()
        batches = dataset.batches(first, partial(_leave_waiting, interrupt, in_flight))
        keeper = Keeper(method.phases, checkpoints, report, about, first)
        shapes = batch_shapes(dataset.held_out, config.data.batch_size)
        report.ideal_seconds = ideal_seconds(config.dtype, method, mesh, state, shapes)
        try:
            if first == 0 and start is not None:  # how good the start is by itself
                report.evaluation(0, phase_at(method.phases, 0).name, *viewer.scores(state))
                report.grid(0, *viewer.grid(state))
            for step in range(first + 1, ends[-1] + 1):
                # Make an update.
                phase = phase_at(method.phases, step - 1)
                profiler.before_update(state)
                state = _update(step_fn, state, batches, in_flight, report.clock, phase.name)

                # Record, show, score and save what is due; end if a signal has come.
                ending, signum = step in ends, interrupt.at(step)
                saving = ending or signum or _due(step, every.checkpoint)
                if saving or _due(step, every.log):
                    keeper.record(step, in_flight[-1])
                interrupt.patient = ending  # the last pictures and scores of a phase must not miss
                with report.clock.paused():
                    scores = _show(step, phase.name, ending, every, state, viewer, report)
                    if saving:
                        keeper.save(step, state, scores)
                interrupt.patient = False
                if signum:
                    raise Interrupted(signum)
        except Interrupted as leaving:
            keeper.leave(leaving, state, in_flight)
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


def _leave(interrupt: Interrupt, doing: str = "compiling") -> None:
    """Leaves by `Interrupted` if a signal was noted; of several processes, ends all at once.

    These lose nothing where all is saved: a step is compiled at the start, and after a phase's end.
    """
    if interrupt.signum:
        leaving = Interrupted(interrupt.signum, doing)
        end_together(leaving.nothing_to_save, leaving.code)
        raise leaving


def _leave_waiting(interrupt: Interrupt, made: Collection[Metrics]) -> None:
    """Leaves as `_leave` does. To be called while pictures are waited for.

    Several processes save together, after an update; before the first there is nothing to save.

    Args:
      interrupt: notes signals.
      made: what updates of this process have returned.
    """
    if not (made and interrupt.together):
        _leave(interrupt, "waiting for pictures")


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
) -> TrainState:
    """Hands the devices an update, and waits for the one that is IN_FLIGHT updates older.

    Its metrics become the last of `in_flight`.
    """
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
    return state


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
