"""Keeps the folder of one run: its config, its starts, its files, and its lock. Needs no JAX."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from glcic_jax.runtime.disk import write_whole
from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.fields import dotted
from glcic_jax.runtime.locks import lock_file
from glcic_jax.runtime.records import records_in

CONFIG = "config.json"
CHECKPOINTS = "checkpoints"
METRICS_FILE = "metrics.jsonl"
UNFINISHED = ".orbax-checkpoint-tmp"
"""Follows the step in the name of a checkpoint that is still being saved."""

DIFFERENCES_SHOWN = 5
"""The most differences between configs that a message names."""

FORMAT = 2
"""The format in which a run's config.json is written: "format", "config" and "starts"."""

MIGRATIONS: tuple[Callable[[dict], dict], ...] = (
    lambda content: {"format": 2, "config": content, "starts": []},  # 1 was the config alone
)
"""Functions that make the next format out of the content of a config.json of format 1, 2, ..."""


@contextmanager
def lock(workdir: Path, option: str = "--workdir", work: str = "training") -> Iterator[None]:
    """Makes the folder and locks it for this process.

    The system releases the lock when the process ends, however it ends.

    Args:
      workdir: the folder.
      option: the command-line option that names the folder, for messages.
      work: what is done in the folder, for messages.

    Raises:
      UserError: the folder cannot be written or locked, or another process works in it.
    """
    try:
        workdir.mkdir(parents=True, exist_ok=True)
        handle = (workdir / ".lock").open("wb")
    except OSError as error:
        raise UserError(
            f"{workdir}: cannot write there ({error.strerror}): choose another {option}"
        ) from error
    with handle:
        try:
            alone = lock_file(handle.fileno())
        except OSError as error:  # a network file system without locks
            raise UserError(
                f"{workdir}: cannot lock it ({error.strerror}): choose a {option} on another disk"
            ) from error
        if not alone:
            raise UserError(
                f"{workdir}: another process is {work} there: wait, or choose another {option}"
            )
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
    ours = json.loads(json.dumps(config))
    theirs = read_content(workdir, option)
    if theirs is not None:
        refuse(workdir, differences(theirs, ours, may_differ), option)
    write_content(workdir, ours, option)
    return theirs is not None


def read_content(folder: Path, option: str = "--workdir") -> dict[str, Any] | None:
    """Reads the config.json of a folder; None if there is none.

    Args:
      folder: an existing folder.
      option: the command-line option that names the folder, for messages.

    Raises:
      UserError: the file is broken or cannot be read.
    """
    path = folder / CONFIG
    try:
        if not path.exists():
            return None
        content = json.loads(path.read_text("utf-8"))
        if not isinstance(content, dict):
            raise ValueError("no fields in it")
        return content
    except ValueError as error:
        raise UserError(f"{path}: not a config: {error}: choose another {option}") from error
    except OSError as error:
        raise UserError(
            f"{path}: cannot read or write it ({error.strerror}): choose another {option}"
        ) from error


def write_content(folder: Path, content: dict[str, Any], option: str = "--workdir") -> None:
    """Writes the config.json of a folder, and removes what a killed process left half written.

    Raises:
      UserError: the folder cannot be written.
    """
    path = folder / CONFIG
    try:
        for left in folder.glob(".*.tmp"):
            left.unlink()
        write_whole(path, json.dumps(content, indent=2) + "\n")
    except OSError as error:
        raise UserError(
            f"{path}: cannot read or write it ({error.strerror}): choose another {option}"
        ) from error


def refuse(folder: Path, found: list[str], option: str = "--workdir") -> None:
    """Refuses to go on in a folder where the differences `found` are not empty.

    Raises:
      UserError: there are some; it names them.
    """
    if found:
        shown = found[:DIFFERENCES_SHOWN]
        if len(shown) < len(found):
            shown.append(f"and {len(found) - len(shown)} more")
        raise UserError(
            f"{folder} holds another config: {'; '.join(shown)}: choose another {option}"
        )


def migrated(content: dict[str, Any], path: Path) -> dict[str, Any]:
    """Returns the content of a run's config.json in today's format.

    Args:
      content: as any version of this program wrote it.
      path: the file, for messages.

    Raises:
      UserError: a newer version of this program wrote it, or it is of no run, as that of converted
        weights.
    """
    written = content.get("format", 1)
    if not isinstance(written, int):
        raise UserError(f"{path}: its format is {written}, not a run's: name the folder of a run")
    if written not in range(1, FORMAT + 1):
        raise UserError(
            f"{path}: its format is {written}, and this version knows 1 to {FORMAT}: "
            "update glcic_jax"
        )
    for migrate in MIGRATIONS[written - 1 :]:
        content = migrate(content)
    config, starts = content.get("config"), content.get("starts")
    listed = isinstance(starts, list) and all(isinstance(start, dict) for start in starts)
    if not isinstance(config, dict) or not listed:
        raise UserError(f"{path}: it holds no config or no starts: name the folder of a run")
    return content


def read_run(workdir: Path) -> dict[str, Any]:
    """Reads what config.json holds of the run in a folder. Does not wake JAX.

    Returns:
      "config", a nested dict of plain values, and "starts": a dict for each time that the run was
      started or resumed, oldest first (runtime/provenance.py), empty for runs of older versions.

    Raises:
      UserError: the folder holds no run, or its config.json is not a config.
    """
    path = workdir / CONFIG
    advice = f"{workdir}: no run folder; give the --workdir of a training"
    try:
        content = read_content(workdir)
    except UserError as error:
        raise UserError(f"{advice} ({error})") from error
    if content is None:
        raise UserError(f"{advice} ({path} is not there)")
    return migrated(content, path)


def read_config(workdir: Path) -> dict[str, Any]:
    """Reads the config of the run that is in a folder, as `read_run` does."""
    return read_run(workdir)["config"]


def read_starts(workdir: Path) -> list[dict[str, Any]]:
    """Reads the provenance of each start of the run that is in a folder, as `read_run` does."""
    return read_run(workdir)["starts"]


def read_records(workdir: Path) -> list[dict[str, Any]]:
    """Reads the records of metrics.jsonl: "kind", "step", "phase", and numbers (or None) by name.

    A last line that a killed run left half written is skipped. Other lines that are no records are
    left out too; a warning counts them.
    """
    return records_in(workdir / METRICS_FILE)


def saved_steps(workdir: Path) -> list[int]:
    """Returns the steps of all checkpoints that were saved completely, ascending."""
    names = [path.name for path in (workdir / CHECKPOINTS).glob("*")]
    return sorted(int(name) for name in names if name.isdigit())


def steps_cut_short(workdir: Path) -> list[int]:
    """Returns the steps of all checkpoints whose save was cut short, ascending."""
    names = [path.name for path in (workdir / CHECKPOINTS).glob(f"[0-9]*{UNFINISHED}*")]
    return sorted(int(name.partition(UNFINISHED)[0]) for name in names)


def differences(theirs: dict, ours: dict, may_differ: tuple[str, ...] = ()) -> list[str]:
    """Returns a phrase for each field that differs and must not.

    Args:
      theirs: nested dict of plain values.
      ours: likewise.
      may_differ: dotted names of fields, or of groups of fields, that may differ.
    """
    missing = "absent"
    old, new = ({n: '""' if v == "" else v for n, v in dotted(x).items()} for x in (theirs, ours))
    return [
        f"{name} is {old.get(name, missing)} there and {new.get(name, missing)} here"
        for name in sorted(old.keys() | new.keys())
        if old.get(name, missing) != new.get(name, missing)
        and not any(f"{name}.".startswith(f"{free}.") for free in may_differ)
    ]
