"""The folder of one run: its config, its files, and its lock. Needs no JAX."""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from glcic_jax.runtime.disk import write_whole
from glcic_jax.runtime.errors import UserError

CONFIG = "config.json"
CHECKPOINTS = "checkpoints"
METRICS_FILE = "metrics.jsonl"
UNFINISHED = ".orbax-checkpoint-tmp"
"""Follows the step in the name of a checkpoint that is still being saved."""


@contextmanager
def lock(workdir: Path, option: str = "--workdir", work: str = "training") -> Iterator[None]:
    """Makes the folder and locks it for this process.

    The kernel releases the lock when the process ends, however it ends.

    Args:
      workdir: the folder.
      option: the command-line option that names the folder, for messages.
      work: what is done in the folder, for messages.

    Raises:
      UserError: the folder cannot be written or locked, or another process works in it.
    """
    try:
        workdir.mkdir(parents=True, exist_ok=True)
        handle = (workdir / ".lock").open("w")
    except OSError as error:
        raise UserError(
            f"{workdir}: cannot write there ({error.strerror}): choose another {option}"
        ) from error
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserError(
                f"{workdir}: another process is {work} there: wait, or choose another {option}"
            ) from error
        except OSError as error:  # a network file system without locks
            raise UserError(
                f"{workdir}: cannot lock it ({error.strerror}): choose a {option} on another disk"
            ) from error
        yield


def claim(
    workdir: Path, config: dict, *, may_differ: tuple[str, ...], option: str = "--workdir"
) -> bool:
    """Writes the config into a new run folder, or checks that the folder holds the same run.

    Args:
      workdir: an existing folder.
      config: nested dict of plain values; written to config.json.
      may_differ: dotted names of fields, or of groups of fields, that a resumed run may change.
      option: the command-line option that names the folder, for messages.

    Returns:
      True if the folder held this run before.

    Raises:
      UserError: the folder holds another config (the message names what differs) or a broken one,
        or cannot be written.
    """
    # Compare with the config that is there.
    path = workdir / CONFIG
    ours = json.loads(json.dumps(config))
    try:
        known = path.exists()
        theirs = json.loads(path.read_text()) if known else ours
        if not isinstance(theirs, dict):
            raise ValueError("no fields in it")
        differences = _differences(dotted(theirs), dotted(ours), may_differ)
        if differences:
            raise UserError(
                f"{workdir} holds another config: {'; '.join(differences)}: choose another {option}"
            )
        # Write the new one, with the fields that may differ.
        for left in workdir.glob(".*.tmp"):  # a process that was killed left it half written
            left.unlink()
        write_whole(path, json.dumps(ours, indent=2) + "\n")
    except ValueError as error:
        raise UserError(f"{path}: not a config: {error}: choose another {option}") from error
    except OSError as error:
        raise UserError(
            f"{path}: cannot read or write it ({error.strerror}): choose another {option}"
        ) from error
    return known


def read_config(workdir: Path) -> dict[str, Any]:
    """Reads the config of the run that is in a folder. Does not wake JAX.

    Raises:
      UserError: the folder holds no run, or its config.json is not a config.
    """
    path = workdir / CONFIG
    try:
        config = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise UserError(
            f"{workdir}: no run folder; give the --workdir of a training ({path}: {error})"
        ) from error
    if not isinstance(config, dict):
        raise UserError(f"{path}: not a config: no fields in it")
    return config


def read_records(workdir: Path) -> list[dict]:
    """Reads the records of metrics.jsonl. A line that a killed run left half written is skipped."""
    path, records = workdir / METRICS_FILE, []
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            records.append(json.loads(line))
        except ValueError:
            continue
    return records


def saved_steps(workdir: Path) -> list[int]:
    """Returns the steps of all checkpoints that were saved completely, ascending."""
    names = [path.name for path in (workdir / CHECKPOINTS).glob("*")]
    return sorted(int(name) for name in names if name.isdigit())


def steps_cut_short(workdir: Path) -> list[int]:
    """Returns the steps of all checkpoints whose save was cut short, ascending."""
    names = [path.name for path in (workdir / CHECKPOINTS).glob(f"[0-9]*{UNFINISHED}*")]
    return sorted(int(name.partition(UNFINISHED)[0]) for name in names)


def dotted(config: dict, prefix: str = "") -> dict[str, Any]:
    """Returns the values of nested dicts by dotted names, such as "data.crop"."""
    values = {}
    for name, value in config.items():
        if isinstance(value, dict):
            values |= dotted(value, f"{prefix}{name}.")
        else:
            values[f"{prefix}{name}"] = value
    return values


def _differences(theirs: dict, ours: dict, may_differ: tuple[str, ...]) -> list[str]:
    """Returns a phrase for each field that differs and must not."""
    missing = "absent"
    return [
        f"{name} is {theirs.get(name, missing)} there and {ours.get(name, missing)} here"
        for name in sorted(theirs.keys() | ours.keys())
        if theirs.get(name, missing) != ours.get(name, missing)
        and not any(f"{name}.".startswith(f"{free}.") for free in may_differ)
    ]
