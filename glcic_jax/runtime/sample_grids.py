"""Names the files of a run's sample grids."""

from pathlib import Path

FOLDER = "samples"
"""Where a run folder has its sample grids."""


def grid_file(workdir: Path, step: int) -> Path:
    """Returns the file of the grid that is drawn after an update. Names sort by updates."""
    return workdir / FOLDER / f"{step:08d}.png"


def grid_files(workdir: Path) -> list[Path]:
    """Returns the files of the grids that a run folder has, in the order of updates."""
    return sorted((workdir / FOLDER).glob("*.png"))
