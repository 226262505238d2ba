"""Reads the runs that are compared: finished, unfinished or killed, of any version and method."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from glcic_jax.runtime.errors import UserError, one_line
from glcic_jax.runtime.fields import dotted
from glcic_jax.runtime.run_folder import METRICS_FILE, read_records, read_run, saved_steps
from glcic_jax.runtime.sample_grids import grid_files


class Run(NamedTuple):
    """Holds what is compared of a run.

    Attributes:
      name: the folder as the user wrote it.
      config: values by dotted name.
      starts: the provenance of each start, oldest first; empty for runs of older versions.
      records: as in metrics.jsonl.
      saved: steps of the checkpoints that are there, ascending.
      grid: the newest sample grid, if there is one.
    """

    name: str
    config: dict[str, Any]
    starts: list[dict[str, Any]]
    records: list[dict[str, Any]]
    saved: list[int]
    grid: Path | None

    @property
    def phases(self) -> dict[str, int]:
        """Returns the updates of each phase, by its name. They are in no particular order."""
        group = "phases."
        return {n.removeprefix(group): v for n, v in self.config.items() if n.startswith(group)}

    @property
    def last(self) -> int:
        """Returns the step of the last record; 0 if there is none."""
        return max((record["step"] for record in self.records), default=0)

    def phase_ends(self) -> list[tuple[str, int]]:
        """Returns the name and the last step of each phase that the run has reached."""
        ends, end = [], 0
        for name in dict.fromkeys(record["phase"] for record in self.records if record["step"]):
            end += self.phases.get(name, 0)
            ends.append((name, end))
        return ends


def read_runs(folders: Sequence[Path]) -> list[Run]:
    """Reads runs.

    Args:
      folders: their folders.

    Raises:
      UserError: one is no run folder or is damaged, or two are the same.
    """
    seen: dict[Path, Path] = {}
    for folder in folders:
        same = seen.setdefault(folder.resolve(), folder)
        if same is not folder:
            raise UserError(f"{folder} is the same run as {same}: give another one")
    return [_read(folder) for folder in folders]


def _read(folder: Path) -> Run:
    content = read_run(folder)
    config = dotted(content["config"])
    phases = [value for name, value in config.items() if name.startswith("phases.")]
    if "method" not in config or not phases or not all(isinstance(n, int) for n in phases):
        raise UserError(
            f"{folder}: no run folder, its config.json describes no training; give the --workdir "
            "of one"
        )
    try:
        records = read_records(folder)
        grids = grid_files(folder)
    except (OSError, ValueError) as error:
        raise UserError(f"{folder / METRICS_FILE}: cannot read it ({one_line(error)})") from error
    return Run(
        name=str(folder),
        config=config,
        starts=content["starts"],
        records=records,
        saved=saved_steps(folder),
        grid=grids[-1] if grids else None,
    )
