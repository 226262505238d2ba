"""Trains one config with several seeds, one after the other, and tables what the runs scored."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from glcic_jax.evaluate.summary import as_json
from glcic_jax.evaluate.tables import markdown, table
from glcic_jax.metrics.bootstrap import Estimate
from glcic_jax.metrics.seeds import over_seeds, spread
from glcic_jax.runtime.disk import write_whole
from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.example_scores import read_scores
from glcic_jax.runtime.run_folder import CONFIG

TABLE = "seeds.md"
"""The file of the table, beside the runs."""

IN_THE_HOLE = {"l1": "hole_l1", "psnr": "hole_psnr", "ssim": "hole_ssim"}
"""The names that an evaluation has for the scores of training."""


def train_seeds(
    work: Callable[[Any, Path, bool], None],
    config: Any,
    workdir: Path,
    count: int,
    accept_data: bool = False,
) -> None:
    """Trains a config with `count` seeds from its own on: WORKDIR/seed0, WORKDIR/seed1, and so on.

    All runs are scored on the same held-out crops and holes, those of the first seed. The same
    command goes on where it was stopped.

    Args:
      work: trains a config in a folder, as `main.run` does.
      config: the config of all runs.
      workdir: the folder that holds theirs.
      count: the number of runs, at least 2.
      accept_data: as `work` takes it.

    Raises:
      UserError: the folder holds a run itself; or what `work` raises.
    """
    if (workdir / CONFIG).exists():
        raise UserError(f"{workdir}: holds a run itself: choose another --workdir for --seeds")
    folders = []
    for seed in range(config.seed, config.seed + count):
        own = config.copy_and_resolve_references()
        own.seed = seed
        with own.unlocked():
            if own.data.get("held_out_seed", -1) < 0:
                own.data.held_out_seed = config.seed
        folders.append(workdir / f"seed{seed}")
        if jax.process_index() == 0:
            print(f"seed {seed}, {len(folders)} of {count}: {folders[-1]}", flush=True)
        work(own, folders[-1], accept_data)
    if jax.process_index() == 0:
        single = (folders[0] / CONFIG).exists()
        text = seeds_table(folders) if single else groups_table(folders)
        write_whole(workdir / TABLE, text)
        page = "seed*" if single else "seed*/*"
        print(f"{text}\nin {workdir / TABLE}; curves: glcic report {workdir}/{page}", flush=True)


def groups_table(folders: Sequence[Path]) -> str:
    """Returns a Markdown table of runs that differ in more than their seeds, as experiments make.

    Args:
      folders: one for each seed; each holds the runs of that seed, by the same names.

    Returns:
      A row for each name, over its seeds and the examples, and for its difference to the first.

    Raises:
      UserError: a folder lacks a run, or as `seeds_table`.
    """
    found = [path for path in folders[0].iterdir() if (path / CONFIG).exists()]
    # In the order in which they were trained.
    names = [path.name for path in sorted(found, key=lambda path: (path / CONFIG).stat().st_mtime)]
    if not names:
        raise UserError(f"{folders[0]}: holds no runs")
    scores = {name: _scores([folder / name for folder in folders]) for name in names}
    rows: dict[str, dict[str, Any]] = {name: _row(of, over_seeds) for name, of in scores.items()}
    first, *others = names
    for name in others:
        both = {m: (scores[name][m], scores[first][m]) for m in scores[first] if m in scores[name]}
        rows[f"{name} - {first}"] = {
            IN_THE_HOLE.get(m, m): as_json(over_seeds(*pair)) for m, pair in both.items()
        }
    return (
        f"{markdown(table(rows, 'runs', ranked=False))}\n"
        f"{len(folders)} seeds of each; brackets hold 95 %, over seeds and held-out examples.\n"
    )


def seeds_table(folders: Sequence[Path]) -> str:
    """Returns a Markdown table of the runs' latest held-out scores, of all together, and of spread.

    Args:
      folders: runs that were scored on the same examples.

    Raises:
      UserError: a run has no scores of single examples, or they are of other numbers of examples.
    """
    groups = _scores(folders)
    rows: dict[str, dict[str, Any]] = {}
    for number, folder in enumerate(folders):
        rows[folder.name] = _row(groups, lambda group, n=number: over_seeds(group[n : n + 1]))
    rows[f"all {len(folders)}"] = _row(groups, over_seeds)
    nothing = (math.nan, math.nan, len(folders))
    rows["deviation of runs"] = _row(groups, lambda group: Estimate(spread(group), *nothing))
    steps = ", ".join(sorted({f"{read[0]:,}" for read in filter(None, map(read_scores, folders))}))
    return (
        f"{markdown(table(rows, 'run', ranked=False))}\n"
        f"Held-out examples: {len(next(iter(groups.values()))[0])}; after {steps} updates. "
        "Brackets hold 95 %: over examples for a run, over runs and examples for all.\n"
    )


def _scores(folders: Sequence[Path]) -> dict[str, np.ndarray]:
    """Returns the scores that all of some runs have, [runs, examples] by name."""
    found = {folder: read_scores(folder) for folder in folders}
    lacking = [folder for folder, scores in found.items() if scores is None]
    if lacking:
        raise UserError(
            f"{lacking[0]}: no scores of single examples: an older version trained it; train again"
        )
    scores = [scores for _, scores in filter(None, found.values())]
    names = [name for name in scores[0] if all(name in own for own in scores)]
    if any(len({len(own[name]) for own in scores}) > 1 for name in names):
        raise UserError(f"{folders[0].parent}: the runs have other numbers of held-out examples")
    return {name: np.array([own[name] for own in scores], float) for name in names}


def _row(groups: dict[str, np.ndarray], estimate: Callable[[np.ndarray], Estimate]) -> dict:
    return {IN_THE_HOLE.get(name, name): as_json(estimate(group)) for name, group in groups.items()}
