"""Trains one config with several seeds, and tables what the runs scored."""

import math
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from glcic_jax.evaluate.summary import as_json
from glcic_jax.evaluate.tables import markdown, table
from glcic_jax.metrics.bootstrap import Estimate
from glcic_jax.metrics.seeds import over_seeds, spread
from glcic_jax.runtime.command_line import print_result
from glcic_jax.runtime.disk import write_whole
from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.example_scores import SCORES_FILE, read_scores
from glcic_jax.runtime.run_folder import CONFIG, read_records
from glcic_jax.train.page import SCORES
from glcic_jax.train.side_by_side import own_command, train_side_by_side

TABLE = "seeds.md"
"""The file of the table, beside the runs."""

IN_THE_HOLE = {"l1": "hole_l1", "psnr": "hole_psnr", "ssim": "hole_ssim"}
"""The names that an evaluation has for the scores of training."""


def in_the_hole(name: str) -> str:
    """Returns the name that an evaluation has for a score of training, also of a set by name."""
    group, slash, metric = name.rpartition("/")
    return f"{group}{slash}{IN_THE_HOLE.get(metric, metric)}"


class Seeds(NamedTuple):
    """Holds which seeds of a config are trained, and how.

    Attributes:
      number: how many runs, each with a seed of its own, from the config's on.
      at_once: how many of them are trained side by side, each by a process of its own.
      only: the one that is trained; None = all.
    """

    number: int = 1
    at_once: int = 1
    only: int | None = None


def train_seeds(
    work: Callable[[Any, Path, bool], None],
    config: Any,
    workdir: Path,
    seeds: Seeds,
    accept_data: bool = False,
) -> int:
    """Trains a config with several seeds from its own on: WORKDIR/seed0, WORKDIR/seed1, and so on.

    All runs are scored on the same held-out crops and holes, those of the first seed. The same
    command goes on where it was stopped.

    Args:
      work: trains a config in a folder, as `main.run` does.
      config: the config of all runs.
      workdir: the folder that holds theirs.
      seeds: which, and how many at once. Side by side they are trained by this process's command.
      accept_data: as `work` takes it.

    Returns:
      0, or the exit code of the first of several processes that failed.

    Raises:
      UserError: the folder holds a run itself; there is no such seed; or what `work` raises.
    """
    if (workdir / CONFIG).exists():
        raise UserError(f"{workdir}: holds a run itself: choose another --workdir for --seeds")
    last = config.seed + seeds.number - 1
    folders = {seed: workdir / f"seed{seed}" for seed in range(config.seed, last + 1)}
    if seeds.only is not None:
        if seeds.only not in folders:
            raise UserError(f"--only_seed {seeds.only}: choose one of {config.seed} to {last}")
        work(_of_seed(config, seeds.only), folders[seeds.only], accept_data)
        return 0
    if seeds.at_once > 1:
        code = train_side_by_side(folders, workdir, own_command(), seeds.at_once)
        if code == 0:
            _write_table(workdir, list(folders.values()))
        return code
    for index, (seed, folder) in enumerate(folders.items(), start=1):
        if jax.process_index() == 0:
            print_result(f"seed {seed}, {index} of {seeds.number}: {folder}")
        work(_of_seed(config, seed), folder, accept_data)
    if jax.process_index() == 0:
        _write_table(workdir, list(folders.values()))
    return 0


def _of_seed(config: Any, seed: int) -> Any:
    """Returns the config with a seed, scored on the examples of its own seed."""
    own = config.copy_and_resolve_references()
    own.seed = seed
    with own.unlocked():
        if own.data.get("held_out_seed", -1) < 0:
            own.data.held_out_seed = config.seed
    return own


def _write_table(workdir: Path, folders: Sequence[Path]) -> None:
    """Writes the table of all runs, and prints it."""
    single = (folders[0] / CONFIG).exists()
    text = seeds_table(folders) if single else groups_table(folders)
    write_whole(workdir / TABLE, text)
    page = "seed*" if single else "seed*/*"
    print_result(f"{text}\nin {workdir / TABLE}; curves: glcic report {workdir}/{page}")


def groups_table(folders: Sequence[Path]) -> str:
    """Returns a Markdown table of runs that differ in more than their seeds, as experiments make.

    Args:
      folders: one for each seed; each holds the runs of that seed, by the same names.

    Returns:
      A row for each name, over its seeds and the examples, and for its difference to the first.
      Differences are those of runs of one seed, which share pictures, holes and perhaps a start.

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
            in_the_hole(m): as_json(over_seeds(a - b)) for m, (a, b) in both.items()
        }
    return (
        f"{markdown(table(rows, 'runs', ranked=False))}\n"
        f"{len(folders)} seeds of each; brackets hold 95 %, over seeds and held-out examples. "
        f"Differences are between runs of one seed.\n{_left_out(folders[0] / first, scores[first])}"
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
        f"{_left_out(folders[0], groups)}"
    )


def _scores(folders: Sequence[Path]) -> dict[str, np.ndarray]:
    """Returns the scores that all of some runs have, [runs, examples] by name."""
    found = {folder: read_scores(folder) for folder in folders}
    lacking = [folder for folder, scores in found.items() if scores is None]
    if lacking:
        raise UserError(
            f"{lacking[0]}: no scores of single examples: {SCORES_FILE} was lost, or an older "
            "version trained it: train again"
        )
    scores = [scores for _, scores in filter(None, found.values())]
    names = [name for name in scores[0] if all(name in own for own in scores)]
    if any(len({len(own[name]) for own in scores}) > 1 for name in names):
        raise UserError(f"{folders[0].parent}: the runs have other numbers of held-out examples")
    return {name: np.array([own[name] for own in scores], float) for name in names}


def _row(groups: dict[str, np.ndarray], estimate: Callable[[np.ndarray], Estimate]) -> dict:
    return {in_the_hole(name): as_json(estimate(group)) for name, group in groups.items()}


def _left_out(run: Path, shown: Collection[str]) -> str:
    """Returns a sentence on the scores of a run that no example has by itself; "" for none."""
    scored = [record for record in read_records(run) if record["kind"] == "held_out"]
    names = [n.removeprefix(SCORES) for n in (scored[-1] if scored else {}) if n.startswith(SCORES)]
    others = [name for name in names if name not in shown]
    return (
        f"Of all examples together, and in metrics.jsonl: {', '.join(others)}.\n" if others else ""
    )
