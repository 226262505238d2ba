"""Checkpoints of a run, in RUN/checkpoints/STEP, by Orbax; the only module that knows Orbax.

One item per network and part (params, batch_stats, opt_state), and one of JSON that describes the
run and holds a digest of each and of itself: Orbax restores a flipped byte without a word.
"""

import logging
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
from orbax.checkpoint import checkpoint_managers as managers

from glcic_jax.runtime.devices import copy_to
from glcic_jax.runtime.disk import check_space, clear_errors, told_if_slow
from glcic_jax.runtime.distributed import gather
from glcic_jax.runtime.run_folder import CHECKPOINTS, saved_steps, steps_cut_short
from glcic_jax.types import NetworkState, TrainState, UserError
from glcic_jax.weights.best import BEST, Scores
from glcic_jax.weights.items import DamagedError, digest, flat, json_digest, like_saved, one_line

log = logging.getLogger(__name__)
logging.getLogger("absl").setLevel(logging.ERROR)  # Orbax tells of every option it understood

PARTS = ("params", "batch_stats", "opt_state")
Opened = tuple[ocp.CheckpointManager, int, dict]  # the folder, a step, its description


class Checkpoints:
    """Of a run in training: the latest, the best, ends of phases. Slow and lost saves are told."""

    def __init__(
        self, run: Path, *, keep: int, keep_steps: tuple[int, ...] = (),
        tell: Callable[[str], None] = log.warning,
    ) -> None:  # fmt: skip
        self._folder, self._tell, self._writing = (run / CHECKPOINTS).absolute(), tell, 0
        for step in steps_cut_short(run):
            tell(f"the save of step {step:,} was cut short: what it left is removed")
        self._scores = Scores()
        policies = [managers.LatestN(keep), self._scores, managers.CustomSteps(keep_steps)]
        kept = managers.AnyPreservationPolicy(policies)
        options = ocp.CheckpointManagerOptions(
            preservation_policy=kept, cleanup_tmp_directories=True
        )
        self._manager = ocp.CheckpointManager(self._folder, options=options)
        with _manager_alone(self._folder) as manager:
            for step in self.steps():
                with suppress(DamagedError):
                    self._scores[step] = _about(manager, step).get("score", math.nan)

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if error is not None and jax.process_count() > 1:
            return  # to close it would be to wait for the others, who may not come
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
        self.wait()  # one copy of the state on the host at a time, and a true number of free bytes
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
        score = metrics.get(BEST)
        self._scores[step] = math.nan if score is None else float(score)
        about = about | {"items": described, "score": self._scores[step]}
        sealed = ocp.args.JsonSave(about | {"digest": json_digest(about)})
        arrays = {name: ocp.args.StandardSave(item) for name, item in items.items() if item}
        self._writing = step
        with clear_errors(self._folder, self._last_good):
            self._manager.save(step, args=ocp.args.Composite(about=sealed, **arrays))

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
            networks = self._restore(step, like)
            if not all(gather(networks is not None)) or networks is None:
                damaged.append(step)
                continue
            for broken in damaged:
                self._manager.delete(broken)
            state = TrainState(jnp.asarray(step, jnp.int32), networks)
            return jax.tree.map(lambda a, b: copy_to(b.sharding, a), state, like)
        if damaged:
            told = f"{self._folder}: all {len(damaged)} checkpoints are damaged"
            raise UserError(f"{told}: bring back a copy of one, or start over in another --workdir")
        return None

    def _restore(self, step: int, like: TrainState) -> dict[str, NetworkState] | None:
        """The networks as this process reads them; None, said in the log, if they are damaged."""
        try:
            with _manager_alone(self._folder) as manager:
                opened = manager, step, _about(manager, step)
                return {n: _restore(opened, n, like.networks[n], PARTS) for n in like.networks}
        except DamagedError as error:
            log.warning("checkpoint %d of %s is damaged: %s", step, self._folder, error)
            return None

    def wait(self) -> None:
        """Returns once nothing is being written any more."""
        line = f"the checkpoint of step {self._writing:,} is still being written: waiting"
        with clear_errors(self._folder, self._last_good), told_if_slow(self._tell, line):
            self._manager.wait_until_finished()

    def close(self) -> None:
        """Waits, and lets go of the folder."""
        self.wait()
        self._manager.close()

    def _last_good(self) -> str:
        steps = [step for step in self.steps() if (self._folder / str(step)).is_dir()]
        return f"the checkpoint of step {steps[-1]} is intact" if steps else "no checkpoint yet"


def read_about(run: Path, step: int | None = None) -> tuple[int, dict]:
    """The step, and what `save` was told of the run, without reading an array.

    Args:
      run: the run folder.
      step: the latest by default.

    Raises:
      UserError: no such folder, run or checkpoint, or a damaged one.
    """
    with _reader(run, step) as (_, found, about):
        return found, about


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
    with _reader(run, step) as opened:
        network = _restore(opened, name, like, PARTS[:2])
        return network.params, network.batch_stats


def _manager_alone(folder: Path) -> ocp.CheckpointManager:
    """For reading: waits for no other process, as each may find another thing damaged."""
    own = jax.process_index()
    alone = ocp.options.MultiprocessingOptions(own, {own}, f"process_{own}")
    options = {"read_only": True, "multiprocessing_options": alone}
    return ocp.CheckpointManager(folder, options=ocp.CheckpointManagerOptions(**options))


@contextmanager
def _reader(run: Path, step: int | None) -> Iterator[Opened]:
    if not saved_steps(run):
        raise UserError(f"{run}: no run folder with a checkpoint; give the --workdir of a training")
    with _manager_alone((run / CHECKPOINTS).absolute()) as manager:
        steps = sorted(manager.all_steps())
        step = max(steps, default=0) if step is None else step
        if step not in steps:
            raise UserError(f"{run}: no checkpoint of step {step}; there are {steps}")
        try:
            yield manager, step, _about(manager, step)
        except DamagedError as error:
            told = f"{run}: the checkpoint of step {step} is damaged: {error}"
            raise UserError(f"{told}: choose another step of {steps}, or train again") from error


def _about(manager: ocp.CheckpointManager, step: int) -> dict:
    arguments = ocp.args.Composite(about=ocp.args.JsonRestore())
    try:
        about = dict(manager.restore(step, args=arguments)["about"])
        seal = about.pop("digest", None)  # the first checkpoints had none of their own
    except Exception as error:
        raise DamagedError(one_line(error)) from error
    if "items" not in about or seal not in (None, json_digest(about)):
        raise DamagedError("its description is not what was saved")
    return about


def _restore(opened: Opened, name: str, like: NetworkState, parts: Sequence[str]) -> NetworkState:
    """`like` with these parts as numpy arrays, once their digests are found right."""
    manager, step, about = opened
    restored, items = {}, about["items"]
    for part in parts:
        item_name, tree = f"{name}.{part}", getattr(like, part)
        if item_name not in items:
            found = ", ".join(sorted({item.split(".")[0] for item in items}))
            raise UserError(f"the checkpoint holds no {name} network, but {found}: another method?")
        target = like_saved(tree, items[item_name]["shapes"], item_name)
        empty = {key: np.empty(leaf.shape, leaf.dtype) for key, leaf in target.items()}
        arguments = ocp.args.Composite(**{item_name: ocp.args.StandardRestore(empty)})
        try:
            item = manager.restore(step, args=arguments)[item_name] if target else {}
            item = {key: np.asarray(item[key]) for key in target}
        except Exception as error:
            raise DamagedError(one_line(error)) from error
        if digest(item) != items[item_name]["digest"]:
            raise DamagedError(f"{item_name} is not what was saved")
        restored[part] = jax.tree.unflatten(jax.tree.structure(tree), list(item.values()))
    return like.replace(**restored)
