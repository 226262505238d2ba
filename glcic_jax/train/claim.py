"""Claims a run folder: a new run writes its config there, a resumed one must go on with the same.

What may differ: fields that the results do not depend on, the lengths of phases whose ends are not
reached, and fields that an older version did not have, if they do now what it did.
"""

import json
from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

from glcic_jax.runtime import run_folder
from glcic_jax.runtime.digests import file_digest
from glcic_jax.runtime.distributed import barrier, require_same
from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.fields import dotted
from glcic_jax.settings.check import with_defaults

MAY_DIFFER = (
    "every",
    "keep",
    "scores",
    "best",
    "trackers",
    "cpu_devices",
    "fsdp",
    "profile",
    "completion",
    "data.threads",
    "data.workers",
    "data.root",
    "data.more_roots",
    "data.held_out_sets",
    "init_from",
)
"""Fields that may change when a run is resumed: its results do not depend on them, but for what
`_may_differ` leaves out."""


def claim_run(
    workdir: Path,
    config: Mapping[str, Any],
    start: Mapping[str, Any],
    *,
    phases: Sequence[str],
    accept_data: bool = False,
) -> list[str]:
    """Writes the config and the start into a new run folder, or adds the start to the same run.

    A finished run that has nothing left to do gets no further start.

    Args:
      workdir: an existing folder, locked.
      config: nested dict of plain values.
      start: as `runtime.provenance.describe_start` returns it; its "step" is the latest checkpoint.
      phases: the names of the phases, in their order.
      accept_data: whether a run may go on with other pictures than before.

    Returns:
      Lines for the log: what differs from the run so far and was accepted.

    Raises:
      UserError: the folder holds another config, a run of other pictures (the message names what
        differs), or a broken config.json, or cannot be written.
    """
    ours = json.loads(json.dumps(with_defaults(config)))
    content = run_folder.read_content(workdir)
    if content is None:
        starts, lines, accepted = [], [], []
    else:
        content = run_folder.migrated(content, workdir / run_folder.CONFIG)
        theirs, starts = content["config"], content["starts"]
        lines = _compare_configs(workdir, theirs, ours, phases, start["step"])
        accepted = _compare_data(workdir, starts, start["data"], accept_data)
    added = {"accepted": accepted} if accepted else {}
    nothing_to_do = starts and start["step"] >= sum(ours["phases"][name] for name in phases)
    if not nothing_to_do:
        starts = [*starts, {**start, **added}]
    content = {"format": run_folder.FORMAT, "config": ours, "starts": starts}
    run_folder.write_content(workdir, content)
    return lines + [f"accepted: {line}" for line in accepted]


def require_shared(workdir: Path) -> None:
    """Refuses a run folder that some processes do not see; waits until process 0 has claimed it.

    Raises:
      UserError: config.json is not there for all processes, or not the same.
    """
    barrier()
    path = workdir / run_folder.CONFIG
    found = file_digest(path)[:8] if path.is_file() else "absent"
    advice = "put --workdir on storage that all processes share"
    require_same("run folder", {str(path): found}, advice)


def _compare_configs(
    workdir: Path, theirs: dict[str, Any], ours: dict[str, Any], phases: Sequence[str], step: int
) -> list[str]:
    """Refuses another config; returns a line for each field that the run so far did not have."""
    whole = json.loads(json.dumps(with_defaults(theirs)))
    lengths = tuple(f"phases.{name}" for name in phases)
    found = run_folder.differences(whole, ours, (*_may_differ(whole, ours, step), *lengths))
    both = whole.get("phases", {}), ours["phases"]
    if not isinstance(both[0], dict) or not all(type(n) is int for n in both[0].values()):
        raise _broken(workdir, "its phases have no lengths")
    run_folder.refuse(workdir, found + _moved_ends(*both, phases, step))
    lines = [
        f"{name} is {value}: an older version started this run and had no such field"
        for name, value in dotted(whole).items()
        if name not in dotted(theirs)
    ]
    for name in phases:
        if both[0].get(name) != both[1][name]:
            lines.append(f"phases.{name} was {both[0].get(name)} and is {both[1][name]}")
    return lines


def _may_differ(theirs: Mapping[str, Any], ours: Mapping[str, Any], step: int) -> list[str]:
    """Returns those of MAY_DIFFER that this run's results do not depend on after `step` updates."""
    tied = set()
    if step and bool(theirs.get("init_from")) != bool(ours.get("init_from")):
        tied.add("init_from")  # a moving average forgets its first networks, or keeps them
    if not ours.get("sync_batch_norm", True) or ours.get("accumulate", 1) > 1:
        tied.add("cpu_devices")  # batch norm sees each device's pictures, or each part's of theirs
    return [name for name in MAY_DIFFER if name not in tied]


def _moved_ends(
    theirs: Mapping[str, int], ours: Mapping[str, int], phases: Sequence[str], step: int
) -> list[str]:
    """Returns a phrase for the first phase that `step` updates would have had another part in.

    A run whose lengths pass goes on as if it had had the new ones from its first update.
    """
    ends = [accumulate([lengths.get(n, 0) for n in phases]) for lengths in (theirs, ours)]
    for name, old, new in zip(phases, *ends, strict=True):
        if min(old, step) != min(new, step):
            return [
                f"phases.{name} is {theirs.get(name, 'absent')} there and {ours[name]} here, and "
                f"after {step:,} updates its end can no longer move"
            ]
    return []


def _compare_data(
    workdir: Path, starts: Sequence[Mapping[str, Any]], data: Mapping[str, str], accept: bool
) -> list[str]:
    """Refuses other pictures unless they are accepted; returns a line for each difference.

    Nothing is refused where an older version made the last start and kept no digests.
    """
    known = starts[-1].get("data", {}) if starts else {}
    if not isinstance(known, Mapping):
        raise _broken(workdir, "its last start has no data")
    found = [
        f"the {name} was {known[name]} and is {data.get(name)}"
        for name in known
        if known[name] != data.get(name)
    ]
    if found and not accept:
        raise UserError(
            f"{workdir}: the run so far had other data: {'; '.join(found)}: name the same, "
            "or go on with these by --accept_data"
        )
    return found


def _broken(workdir: Path, fault: str) -> UserError:
    """Returns the refusal of a config.json that was edited by hand."""
    path = workdir / run_folder.CONFIG
    return UserError(f"{path}: not a config: {fault}: choose another --workdir")
