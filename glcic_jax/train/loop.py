"""The training loop. It only sequences, and knows nothing of any method."""

import signal
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from glcic_jax.data.pipeline import Dataset
from glcic_jax.runtime.devices import place, state_shardings
from glcic_jax.runtime.errors import UserError
from glcic_jax.train.interrupt import Interrupt, Interrupted
from glcic_jax.train.report import Report
from glcic_jax.train.start import with_network
from glcic_jax.train.step import init_key, make_train_step, update_flops
from glcic_jax.train.throughput import Profiler, peak_flops
from glcic_jax.train.viewer import Viewer
from glcic_jax.types import Method, TrainState, phase_at, phase_ends
from glcic_jax.weights.checkpoint import Checkpoints

IN_FLIGHT = 8
"""Steps that the host may run ahead of the devices: few enough to bound the memory they hold."""


def train(
    config: Any, method: Method, dataset: Dataset, mesh: Mesh, report: Report, workdir: Path,
    start: tuple[Any, Any] | None = None,
) -> TrainState:  # fmt: skip
    """Runs `method` to the end of its last phase, resuming from `workdir` if it can.

    `start` is the completion network that a fresh run begins with: parameters and statistics.

    Raises:
      UserError: non-finite losses, a full disk, or checkpoints that cannot be restored.
      Interrupted: SIGTERM or Ctrl-C arrived; the state is saved.
    """
    ends, every = phase_ends(method.phases), config.every
    about = {"config": config.to_dict(), "mean_pixel": list(dataset.mean_pixel)}
    step_fn = make_train_step(method, mesh, jax.random.key(config.seed))
    viewer = Viewer(method, mesh, dataset, config.data.batch_size)
    with (
        Checkpoints(workdir, keep=config.keep, keep_steps=ends, tell=report.message) as checkpoints,
        Interrupt() as interrupt,
        Profiler(workdir, config.profile) as profiler,
    ):
        state = _first_state(config, method, mesh, checkpoints, report, start)
        first = int(state.step)
        batches = dataset.batches(first)
        shapes = _batch_shapes(dataset.held_out, config.data.batch_size)
        report.ideal_seconds = ideal_seconds(config.dtype, method, mesh, state, shapes)
        if first == 0 and start is not None:  # what the start is worth, untouched
            report.evaluation(0, phase_at(method.phases, 0).name, viewer.scores(state))
            report.grid(0, *viewer.grid(state))
        in_flight = deque()
        for step in range(first + 1, ends[-1] + 1):
            phase = phase_at(method.phases, step - 1)
            profiler.before_update(state)
            with report.waiting():
                batch = next(batches)
            with jax.transfer_guard("disallow"):
                state, metrics = step_fn(state, batch)
            in_flight.append(metrics)
            if len(in_flight) > IN_FLIGHT:
                jax.block_until_ready(in_flight.popleft())

            signum, ending, scores = interrupt.at(step), step in ends, {}
            saving = ending or signum or step % every.checkpoint == 0
            if saving or step % every.log == 0:
                values = {name: float(metrics[name]) for name in phase.metrics}
                require_finite(step, phase.name, values)
                report.scalars(step, phase.name, values)
            with report.paused():
                if ending or step % every.images == 0:
                    report.grid(step, *viewer.grid(state))
                if ending or step % every.evaluate == 0:
                    scores = viewer.scores(state)
                    report.evaluation(step, phase.name, scores)
                if saving:
                    checkpoints.save(step, state, about=about, metrics=scores)
            if signum:
                checkpoints.wait()
                report.message(f"{signal.Signals(signum).name}: saved step {step}, leaving")
                raise Interrupted(signum)
    return state


def _batch_shapes(held_out: Mapping[str, np.ndarray], batch_size: int) -> dict[str, Any]:
    """Those of a batch of such examples."""
    return {
        name: jax.ShapeDtypeStruct((batch_size, *array.shape[1:]), array.dtype)
        for name, array in held_out.items()
    }


def ideal_seconds(
    dtype: str, method: Method, mesh: Mesh, state: TrainState, batch: dict[str, Any]
) -> dict[str, float]:
    """Seconds per update of each phase at the devices' peak; empty where that is not known.

    `batch` may be arrays or their shapes.
    """
    peak = peak_flops(mesh.devices.flat[0].device_kind, dtype)
    if peak is None:
        return {}
    return {
        phase.name: update_flops(mesh, phase, state, batch) / peak
        for phase in method.phases
        if phase.steps
    }


def _first_state(
    config: Any,
    method: Method,
    mesh: Mesh,
    checkpoints: Checkpoints,
    report: Report,
    start: tuple[Any, Any] | None,
) -> TrainState:
    """Returns the state of the latest checkpoint, or a fresh one that begins with `start`."""
    key = init_key(config.seed)
    shapes = jax.eval_shape(method.init, key)
    like = jax.tree.map(
        lambda leaf, sharding: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding),
        shapes,
        state_shardings(mesh, shapes),
    )
    state = checkpoints.restore_latest(like)
    if state is not None:
        report.resume(int(state.step))
        over = int(state.step) >= phase_ends(method.phases)[-1]
        outcome = "training is finished, nothing to do" if over else "resuming"
        report.message(f"found a checkpoint of step {int(state.step):,}: {outcome}")
        return state
    state = method.init(key)
    if start is not None:
        state = with_network(state, *start)
        report.message(f"the completion network starts from {config.init_from}")
    report.resume(0)
    return place(mesh, state)


def require_finite(step: int, phase: str, values: dict[str, float]) -> None:
    """Stops a run that has diverged.

    A loss that is not finite stays so, hence a check before every save keeps all checkpoints good.

    Raises:
      UserError: a value is NaN or infinite; names the step, the phase and the value.
    """
    bad = [name for name, value in values.items() if not np.isfinite(value)]
    if bad:
        raise UserError(
            f"{bad[0]} is {values[bad[0]]} at step {step:,}, in the {phase} phase: stopped, the "
            "last checkpoint is good; start from it with another seed or a lower learning rate"
        )
