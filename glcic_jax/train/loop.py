"""The training loop. It only sequences, and knows nothing of any method."""

import os
import signal
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from glcic_jax.data.pipeline import Dataset
from glcic_jax.metrics import HELD_OUT
from glcic_jax.metrics.scoring import evaluate
from glcic_jax.runtime.devices import place, replicate, shard_whole, state_shardings
from glcic_jax.runtime.distributed import compiled_together
from glcic_jax.train import start as donor
from glcic_jax.train.report import Report
from glcic_jax.train.step import init_key, make_train_step, update_flops
from glcic_jax.train.throughput import Profiler, peak_flops
from glcic_jax.types import Method, TrainState, UserError, phase_at, phase_ends
from glcic_jax.weights.checkpoint import Checkpoints

IN_FLIGHT = 8
"""Steps that the host may run ahead of the devices: few enough to bound the memory they hold."""

GRID_ROWS = 8


def train(
    config: Any, method: Method, dataset: Dataset, mesh: Mesh, report: Report, workdir: Path
) -> TrainState:
    """Runs `method` to the end of its last phase, resuming from `workdir` if it can.

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
        state = _start(config, method, mesh, checkpoints, report)
        first = int(state.step)
        batches = dataset.batches(first)
        shapes = _batch_shapes(dataset.held_out, config.data.batch_size)
        report.ideal_seconds = ideal_seconds(config.dtype, method, mesh, state, shapes)
        if first == 0 and config.init_from:  # what the start is worth, untouched
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


class Viewer:
    """Completes the held-out examples, for scores and for pictures."""

    def __init__(self, method: Method, mesh: Mesh, dataset: Dataset, batch_size: int) -> None:
        self._method, self._mesh, self._dataset = method, mesh, dataset
        self._batch_size = batch_size
        # Every process gets all pictures, and so the same scores.
        everywhere = NamedSharding(mesh, PartitionSpec())
        self._previews = compiled_together(jax.jit(method.previews, out_shardings=everywhere))
        self._key = replicate(mesh, jax.random.key(0))

    def _run(self, state: TrainState, image: np.ndarray, mask: np.ndarray) -> dict[str, np.ndarray]:
        needed = {n: state.networks[n].replace(opt_state=None) for n in self._method.networks}
        batch = (shard_whole(self._mesh, array) for array in (image, mask))
        return jax.device_get(self._previews(TrainState(state.step, needed), *batch, self._key))

    def scores(self, state: TrainState) -> dict[str, float]:
        """Every metric over the held-out examples, as "held_out/NAME"."""
        values = evaluate(
            lambda image, mask: self._run(state, image, mask)["completed"],
            self._dataset.held_out,
            HELD_OUT,
            self._batch_size,
        )
        return {f"held_out/{name}": value for name, value in values.items()}

    def grid(self, state: TrainState) -> tuple[list[list[np.ndarray]], list[str]]:
        """Rows of uint8 pictures of the first held-out examples, and the names of the columns."""
        count = len(self._dataset.held_out["image"])
        chosen = np.arange(self._batch_size) % count
        image, mask = (self._dataset.held_out[name][chosen] for name in ("image", "mask"))
        mean = np.rint(np.asarray(self._dataset.mean_pixel) * 255).astype(np.uint8)
        previews = self._run(state, image.astype(np.float32) / 255, mask.astype(np.float32))
        columns = {"input": np.where(mask > 0, mean, image), "hole": mask.repeat(3, axis=3) * 255}
        for name in sorted(previews, key=lambda name: name == "completed"):  # the result last
            columns[name] = np.rint(previews[name] * 255).astype(np.uint8)
        columns["truth"] = image
        shown = min(GRID_ROWS, count, self._batch_size)
        rows = [[pictures[row] for pictures in columns.values()] for row in range(shown)]
        return rows, list(columns)


def _start(
    config: Any, method: Method, mesh: Mesh, checkpoints: Checkpoints, report: Report
) -> TrainState:
    """The state of the latest checkpoint, or a fresh one, with `config.init_from`'s network."""
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
    if config.init_from:
        name = donor.COMPLETION
        smooth = bool(config.get("smooth_holes"))
        params, stats = donor.network_of(
            config.init_from, config.method, like.networks[name], smooth_holes=smooth
        )
        started = {
            own: network.replace(params=params, batch_stats=stats)
            for own, network in state.networks.items()
            if own.startswith(name)  # its moving average starts there too
        }
        state = state.replace(networks=state.networks | started)
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


class Interrupted(Exception):
    """SIGTERM or Ctrl-C ended the run after a save."""

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum


class Interrupt:
    """Notes SIGTERM and Ctrl-C so that the loop can save first. A second one ends at once.

    With several processes JAX's runtime notes SIGTERM, and has all of them stop at one step.
    """

    def __enter__(self) -> "Interrupt":
        self._signum = 0
        self._together = jax.distributed.is_initialized()
        noted = (signal.SIGINT,) if self._together else (signal.SIGTERM, signal.SIGINT)
        self._previous = {number: signal.signal(number, self._note) for number in noted}
        return self

    def at(self, step: int) -> int:
        """The signal for which to stop after `step`; 0 = none. To be asked once in every step."""
        if self._together:
            return signal.SIGTERM if multihost_utils.reached_preemption_sync_point(step) else 0
        return self._signum

    def _note(self, signum: int, frame: object) -> None:
        self._signum = signum
        self._restore()
        if self._together:
            os.kill(os.getpid(), signal.SIGTERM)

    def _restore(self) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def __exit__(self, *exception: object) -> None:
        self._restore()
