"""Reads checkpoints: descriptions, and networks whose digests are checked. Writes nothing."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

from glcic_jax.runtime.digests import item_digest, json_digest
from glcic_jax.runtime.errors import UserError, one_line
from glcic_jax.runtime.run_folder import CHECKPOINTS, saved_steps
from glcic_jax.types import NetworkState
from glcic_jax.weights.items import DamagedError, like_saved

logging.getLogger("absl").setLevel(logging.ERROR)  # Orbax logs every option it understood

PARTS = ("params", "batch_stats", "opt_state")
Opened = tuple[ocp.CheckpointManager, int, dict]  # the folder, a step, its description


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
        network = restore_parts(opened, name, like, PARTS[:2])
        return network.params, network.batch_stats


def manager_alone(folder: Path) -> ocp.CheckpointManager:
    """For reading: waits for no other process, as each may find another thing damaged."""
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
            told = f"{run}: the checkpoint of step {step} is damaged: {error}"
            raise UserError(f"{told}: choose another step of {steps}, or train again") from error


def about_of(manager: ocp.CheckpointManager, step: int) -> dict:
    """Reads the description of a checkpoint.

    Raises:
      DamagedError: it is not what was saved.
    """
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
    """Returns `like` with these parts as numpy arrays, once their digests are found right.

    Raises:
      DamagedError: an array is not what was saved.
      UserError: the checkpoint holds other networks.
    """
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
