"""Checkpoints of a run, in RUN/checkpoints/STEP, by Orbax; the only module that knows Orbax.

One item per network and part (params, batch_stats, opt_state), and one of JSON that describes the
run and holds a digest of each: Orbax restores a file with a flipped bit without a word.
"""

import logging
import math
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
from orbax.checkpoint import checkpoint_managers as managers

from glcic_jax.disk import check_space, clear_errors
from glcic_jax.items import DamagedError, digest, flat, like_saved, one_line
from glcic_jax.types import NetworkState, TrainState, UserError

log = logging.getLogger(__name__)
logging.getLogger("absl").setLevel(logging.ERROR)  # Orbax tells of every option it understood

FOLDER = "checkpoints"
PARTS = ("params", "batch_stats", "opt_state")
BEST = "held_out/l1"
"""The metric by which the best checkpoint is kept; lower is better."""


class Checkpoints:
    """Of a run in training: the latest, the best, and those at ends of phases are kept."""

    def __init__(self, run: Path, *, keep: int, keep_steps: tuple[int, ...] = ()) -> None:
        self._folder = (run / FOLDER).absolute()
        best = managers.BestN(
            get_metric_fn=lambda metrics: metrics[BEST],
            reverse=True,
            n=1,
            keep_checkpoints_without_metrics=False,
        )
        policies = [managers.LatestN(keep), best, managers.CustomSteps(keep_steps)]
        options = ocp.CheckpointManagerOptions(
            preservation_policy=managers.AnyPreservationPolicy(policies),
            cleanup_tmp_directories=True,
        )
        self._manager = ocp.CheckpointManager(self._folder, options=options)

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        try:
            self.close()
        except UserError as problem:
            if error is None:
                raise
            log.warning("%s", problem)  # what ended the run matters more

    def steps(self) -> list[int]:
        """Those that have a checkpoint, ascending."""
        return sorted(self._manager.all_steps())

    def save(self, step: int, state: TrainState, *, about: dict, metrics: dict[str, float]) -> None:
        """Copies the state to the host and writes it in the background.

        Args:
          step: updates done; a step that is saved already is left as it is.
          state: may be donated as soon as this returns.
          about: JSON that describes the run: its config and its mean pixel.
          metrics: held-out scores; without BEST the checkpoint never counts as the best.

        Raises:
          UserError: the disk is full, now or in the save before; the last good one is intact.
        """
        if step in self._manager.all_steps():
            return
        items = {
            f"{name}.{part}": flat(getattr(network, part))
            for name, network in state.networks.items()
            for part in PARTS
        }
        size = sum(leaf.nbytes for item in items.values() for leaf in item.values())
        check_space(self._folder, size, self._last_good)
        described = {
            name: {"digest": digest(item), "shapes": {k: list(v.shape) for k, v in item.items()}}
            for name, item in items.items()
        }
        arguments: dict[str, Any] = {
            name: ocp.args.StandardSave(item) for name, item in items.items() if item
        }
        arguments["about"] = ocp.args.JsonSave(about | {"items": described})
        scores = metrics if math.isfinite(metrics.get(BEST, math.nan)) else None
        with clear_errors(self._folder, self._last_good):
            self._manager.save(step, args=ocp.args.Composite(**arguments), metrics=scores)

    def restore_latest(self, like: TrainState) -> TrainState | None:
        """The newest good checkpoint, or None if there is none at all.

        Damaged ones are named in the log and deleted, so that training can save them anew.

        Args:
          like: arrays or ShapeDtypeStructs with shardings, of any number of devices.

        Raises:
          UserError: all are damaged, or they hold other networks.
        """
        damaged = []
        for step in reversed(self.steps()):
            try:
                about = _about(self._manager, step)
                networks = {}
                for name, network in like.networks.items():
                    wanted = [(part, getattr(network, part)) for part in PARTS]
                    networks[name] = NetworkState(
                        *(_restore_item(self._manager, step, about, name, *w) for w in wanted)
                    )
            except DamagedError as error:
                log.warning("checkpoint %d of %s is damaged: %s", step, self._folder, error)
                damaged.append(step)
                continue
            for broken in damaged:
                shutil.rmtree(self._folder / str(broken))
            self._manager.reload()
            state = TrainState(jnp.asarray(step, jnp.int32), networks)
            return jax.tree.map(lambda a, b: jax.device_put(a, b.sharding), state, like)
        if damaged:
            raise UserError(f"{self._folder}: all {len(damaged)} checkpoints are damaged")
        return None

    def wait(self) -> None:
        """Returns once nothing is being written any more."""
        with clear_errors(self._folder, self._last_good):
            self._manager.wait_until_finished()

    def close(self) -> None:
        """Waits, and lets go of the folder."""
        with clear_errors(self._folder, self._last_good):
            self._manager.close()

    def _last_good(self) -> str:
        steps = [step for step in self.steps() if (self._folder / str(step)).is_dir()]
        return f"the checkpoint of step {steps[-1]} is intact" if steps else "no checkpoint yet"


def has_checkpoint(run: Path) -> bool:
    """Whether a save was ever finished in the run folder; one cut short has another name."""
    folder = run / FOLDER
    return folder.is_dir() and any(path.name.isdigit() for path in folder.iterdir())


def read_about(run: Path, step: int | None = None) -> tuple[int, dict]:
    """The step, and what `save` was told of the run, without reading an array.

    Args:
      run: the run folder.
      step: the latest by default.

    Raises:
      UserError: no such folder, run or checkpoint, or a damaged one.
    """
    with _reader(run) as manager:
        steps = sorted(manager.all_steps())
        if not steps:
            raise UserError(f"{run}: no checkpoint in this run folder; train first")
        if step is not None and step not in steps:
            raise UserError(f"{run}: no checkpoint of step {step}; there are {steps}")
        step = steps[-1] if step is None else step
        try:
            return step, _about(manager, step)
        except DamagedError as error:
            raise UserError(f"{run}: the checkpoint of step {step} is damaged: {error}") from error


def restore_network(
    run: Path, name: str, like: NetworkState, step: int | None = None
) -> tuple[Any, Any]:
    """The parameters and running statistics of one network, as numpy arrays; nothing else is read.

    Args:
      run: the run folder.
      name: of the network.
      like: arrays or ShapeDtypeStructs; its opt_state is not looked at.
      step: the latest by default.

    Raises:
      UserError: as `read_about`; also another method's checkpoint or another width's.
    """
    step, about = read_about(run, step)
    with _reader(run) as manager:
        try:
            return (
                _restore_item(manager, step, about, name, "params", like.params),
                _restore_item(manager, step, about, name, "batch_stats", like.batch_stats),
            )
        except DamagedError as error:
            raise UserError(
                f"{run}: the checkpoint of step {step} is damaged: {error}: choose another step"
            ) from error


@contextmanager
def _reader(run: Path) -> Iterator[ocp.CheckpointManager]:
    if not (run / FOLDER).is_dir():
        raise UserError(f"{run}: no run folder with a checkpoint; give the --workdir of a training")
    options = ocp.CheckpointManagerOptions(read_only=True)
    with ocp.CheckpointManager((run / FOLDER).absolute(), options=options) as manager:
        yield manager


def _about(manager: ocp.CheckpointManager, step: int) -> dict:
    try:
        about = manager.restore(step, args=ocp.args.Composite(about=ocp.args.JsonRestore()))[
            "about"
        ]
    except Exception as error:
        raise DamagedError(one_line(error)) from error
    if not isinstance(about, dict) or "items" not in about:
        raise DamagedError("its description is missing")
    return about


def _restore_item(
    manager: ocp.CheckpointManager, step: int, about: dict, network: str, part: str, like: Any
) -> Any:
    name, items = f"{network}.{part}", about["items"]
    if name not in items:
        found = ", ".join(sorted({item.split(".")[0] for item in items}))
        raise UserError(
            f"the checkpoint holds no {network} network, but {found}: of another method?"
        )
    target = like_saved(like, items[name]["shapes"], name)
    if not target:
        return like
    empty = {key: np.empty(leaf.shape, leaf.dtype) for key, leaf in target.items()}
    try:
        arguments = ocp.args.Composite(**{name: ocp.args.StandardRestore(empty)})
        item = manager.restore(step, args=arguments)[name]
        item = {key: np.asarray(item[key]) for key in target}
    except Exception as error:
        raise DamagedError(one_line(error)) from error
    if digest(item) != items[name]["digest"]:
        raise DamagedError(f"{name} is not what was saved")
    return jax.tree.unflatten(jax.tree.structure(like), list(item.values()))
