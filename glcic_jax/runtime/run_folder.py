"""The folder of one run: whose it is, and that only one process writes to it. Needs no JAX."""

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
"""Follows the step in the name of what is being saved."""


@contextmanager
def lock(workdir: Path, option: str = "--workdir", work: str = "training") -> Iterator[None]:
    """Makes the folder, and holds it for this process; the kernel lets go when the process ends.

    Args:
      workdir: the folder.
      option: of the command line that names it, and
      work: what is done there, for messages.

    Raises:
      UserError: the folder cannot be written, or another process works in it.
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
    """Makes the folder the run's of `config`, or finds that it is that already.

    Args:
      workdir: an existing folder.
      config: nested dict of plain values; written to config.json.
      may_differ: dotted names of fields, or of groups of fields, that a resumed run may change.
      option: of the command line that names the folder, for messages.

    Returns:
      True if the folder held this run before.

    Raises:
      UserError: the folder holds another config (names what differs), a broken one, or cannot be
        written.
    """
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
        write_whole(path, json.dumps(ours, indent=2) + "\n")
    except ValueError as error:
        raise UserError(f"{path}: not a config: {error}: choose another {option}") from error
    except OSError as error:
        raise UserError(
            f"{path}: cannot read or write it ({error.strerror}): choose another {option}"
        ) from error
    return known


def read_config(workdir: Path) -> dict[str, Any]:
    """The config of the run that is in a folder, without waking JAX.

    Raises:
      UserError: there is no run, or what there is is no config.
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
    """The records of metrics.jsonl; a line torn by a killed run is left out."""
    path, records = workdir / METRICS_FILE, []
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            records.append(json.loads(line))
        except ValueError:
            continue
    return records


def saved_steps(workdir: Path) -> list[int]:
    """Of the checkpoints whose save was finished, ascending."""
    names = [path.name for path in (workdir / CHECKPOINTS).glob("*")]
    return sorted(int(name) for name in names if name.isdigit())


def steps_cut_short(workdir: Path) -> list[int]:
    """Of the checkpoints whose save was not finished, ascending."""
    names = [path.name for path in (workdir / CHECKPOINTS).glob(f"[0-9]*{UNFINISHED}*")]
    return sorted(int(name.partition(UNFINISHED)[0]) for name in names)


def dotted(config: dict, prefix: str = "") -> dict[str, Any]:
    """Returns the values of nested dicts by dotted names."""
    values = {}
    for name, value in config.items():
        values |= (
            dotted(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
        )
    return values


def _differences(theirs: dict, ours: dict, may_differ: tuple[str, ...]) -> list[str]:
    missing = "absent"
    return [
        f"{name} is {theirs.get(name, missing)} there and {ours.get(name, missing)} here"
        for name in sorted(theirs.keys() | ours.keys())
        if theirs.get(name, missing) != ours.get(name, missing)
        and not any(f"{name}.".startswith(f"{free}.") for free in may_differ)
    ]
