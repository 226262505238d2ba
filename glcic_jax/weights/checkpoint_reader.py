"""Reads checkpoints: their descriptions, and networks, whose digests are checked."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from glcic_jax.runtime.digests import item_digest, json_digest
from glcic_jax.runtime.errors import UserError, one_line
from glcic_jax.runtime.run_folder import CHECKPOINTS, saved_steps
from glcic_jax.types import NetworkState
from glcic_jax.weights.best import L1, badness, best_of
from glcic_jax.weights.items import DamagedError, like_saved

if TYPE_CHECKING:
    import orbax.checkpoint as ocp  # half a second that converted weights need not wait for

log = logging.getLogger(__name__)

BEST, LAST = "best", "last"
"""What names checkpoints in place of a step: the best, and the latest ones, with their number."""

PARTS = ("params", "batch_stats", "opt_state")
"""The parts of a network's state that are saved."""

Opened = tuple["ocp.CheckpointManager", int, dict]
"""An opened checkpoint: the manager of its folder, its step, its description."""


def read_about(run: Path, step: int | None = None) -> tuple[int, dict]:
    """Reads the description of a checkpoint, but no arrays.

    Args:
      run: the run folder.
      step: the checkpoint's step; the latest by default.

    Returns:
      The step, and the description: `about` as it was saved, with "items", "score" and "scores".

    Raises:
      UserError: the folder, the run or the checkpoint is missing, or the checkpoint is damaged.
    """
    with _reader(run, step) as (_, found, about):
        return found, about


def choose_steps(run: Path, version: str) -> tuple[int, ...]:
    """Returns the steps of the checkpoints that a version names, ascending.

    Args:
      run: the run folder.
      version: "best", the checkpoint that is best by the metric of the run's config; or "last5",
        the latest five (or another number).

    Raises:
      UserError: no checkpoint has a score, or there are fewer than that. Damaged ones have none,
        and the log names them.
    """
    steps = saved_steps(run)
    if not steps:
        raise UserError(f"{run}: no run folder with a checkpoint; give the --workdir of a training")
    if version != BEST:
        return _latest(run, int(version.removeprefix(LAST)), steps)
    found = {}
    for step in steps:
        try:
            about = read_about(run, step)[1]
        except UserError as error:
            log.warning("%s", error)
            continue
        found[step] = about
    if not found:
        raise UserError(f"{run}: every checkpoint of {steps} is damaged: train again")
    metric = found[max(found)]["config"].get("best", L1)
    best = best_of({step: badness(about, metric) for step, about in found.items()})
    if best is None:
        raise UserError(
            f"{run}@{BEST}: no checkpoint of {steps} has a score {metric}: set every.evaluate so "
            "that it comes when every.checkpoint does, or name a step"
        )
    return (best,)


def _latest(run: Path, count: int, steps: Sequence[int]) -> tuple[int, ...]:
    """Returns the latest of a run's steps, or refuses a number of them that there is not."""
    if count < 1:
        raise UserError(f"{run}@{LAST}{count}: a mean of no checkpoints: name at least {LAST}1")
    if count > len(steps):
        found, instead = (
            (f"one checkpoint, of step {steps[0]}", f"{run}@{steps[0]}")
            if len(steps) == 1
            else (f"{len(steps)} checkpoints, of {steps}", f"{run}@{LAST}{len(steps)} at most")
        )
        raise UserError(
            f"{run}@{LAST}{count}: the run holds {found}: name {instead}, or train on with "
            f"config.keep at {count} or more"
        )
    return tuple(steps[-count:])


def restore_network(
    run: Path, name: str, like: NetworkState, step: int | None = None
) -> tuple[Any, Any]:
    """Reads the parameters and running statistics of one network, and nothing else.

    Args:
      run: the run folder.
      name: the network's name in the state.
      like: arrays or ShapeDtypeStructs of the same shapes; its opt_state is not read.
      step: the checkpoint's step; the latest by default.

    Returns:
      params and batch_stats, trees of numpy arrays.

    Raises:
      UserError: as in `read_about`; or the checkpoint is of another method or another width.
    """
    with _reader(run, step) as opened:
        network = restore_parts(opened, name, like, PARTS[:2])
        return network.params, network.batch_stats


def manager_alone(folder: Path) -> "ocp.CheckpointManager":
    """Opens a folder of checkpoints to read it in this process alone.

    Several processes do not wait for each other, as each may find something else damaged.
    """
    import orbax.checkpoint as ocp

    logging.getLogger("absl").setLevel(logging.ERROR)  # Orbax logs all of its options
    own = jax.process_index()
    alone = ocp.options.MultiprocessingOptions(own, {own}, f"process_{own}")
    options = {"read_only": True, "multiprocessing_options": alone}
    return ocp.CheckpointManager(folder, options=ocp.CheckpointManagerOptions(**options))


@contextmanager
def _reader(run: Path, step: int | None) -> Iterator[Opened]:
    if not saved_steps(run):
        raise UserError(f"{run}: no run folder with a checkpoint; give the --workdir of a training")
    with manager_alone((run / CHECKPOINTS).absolute()) as manager:
        steps = sorted(manager.all_steps())
        step = max(steps, default=0) if step is None else step
        if step not in steps:
            raise UserError(f"{run}: no checkpoint of step {step}; there are {steps}")
        try:
            yield manager, step, about_of(manager, step)
        except DamagedError as error:
            others = [other for other in steps if other != step]
            choice = f"choose another step of {others}, or train again" if others else "train again"
            raise UserError(
                f"{run}: the checkpoint of step {step} is damaged: {error}: {choice}"
            ) from error


def about_of(manager: "ocp.CheckpointManager", step: int) -> dict:
    """Reads the description of a checkpoint.

    Raises:
      DamagedError: it cannot be read, or is not what was saved.
    """
    import orbax.checkpoint as ocp

    arguments = ocp.args.Composite(about=ocp.args.JsonRestore())
    try:
        about = dict(manager.restore(step, args=arguments)["about"])
        seal = about.pop("digest", None)  # the first checkpoints had none of their own
    except Exception as error:
        raise DamagedError(one_line(error)) from error
    if "items" not in about or seal not in (None, json_digest(about)):
        raise DamagedError("its description is not what was saved")
    return about


def restore_parts(
    opened: Opened, name: str, like: NetworkState, parts: Sequence[str]
) -> NetworkState:
    """Returns `like` with some parts read from a checkpoint, as numpy arrays. Checks the digests.

    Args:
      opened: the checkpoint.
      name: the network's name in the state.
      like: arrays or ShapeDtypeStructs of the same shapes.
      parts: names in PARTS.

    Raises:
      DamagedError: an array is not what was saved.
      UserError: the checkpoint holds other networks, or of other shapes.
    """
    import orbax.checkpoint as ocp

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
        if item_digest(item) != items[item_name]["digest"]:
            raise DamagedError(f"{item_name} is not what was saved")
        restored[part] = jax.tree.unflatten(jax.tree.structure(tree), list(item.values()))
    return like.replace(**restored)
