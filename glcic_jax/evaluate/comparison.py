"""Computes paired differences between two reports on the same pictures and holes."""

import csv
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from glcic_jax.evaluate.report import MANIFEST, PER_PICTURE
from glcic_jax.evaluate.rows import Rows, is_pattern, rows_like
from glcic_jax.evaluate.summary import as_json
from glcic_jax.evaluate.tables import markdown, table
from glcic_jax.metrics import bootstrap
from glcic_jax.metrics.seeds import over_seeds
from glcic_jax.runtime.errors import UserError

Scores = dict[str, dict[str, np.ndarray]]
"""Numbers by method and metric, one per picture in the order of the report; NaN = undefined."""


def compare(first: Path, second: Path, methods: list[str] | None = None) -> str:
    """Writes the differences, first minus second, with intervals, as a Markdown table.

    Every picture is compared with itself, so the intervals are much narrower than those of the
    two means. A difference is more than chance where 0 lies outside its interval: more than the
    choice of pictures makes, and where groups of runs are compared, more than that of seeds. A
    note below the table gives whether groups were compared seed by seed.

    Args:
      first: a report.
      second: a report on the same pictures with the same holes; may be the first one again.
      methods: a row of the first and one of the second, or one name that stands for both; or
        patterns such as "runs/a/*" (`rows_like`), which stand for a group of rows: runs that
        differ in their seeds. By default, every method that both have, or the only one of each.

    Raises:
      UserError: no reports, other pictures or holes, no such methods, a row that would be compared
        with itself, or a run in both groups.
    """
    scores, digests = read_report(first)
    others, other_digests = read_report(second)
    for key, what in (("data", "pictures"), ("masks", "holes")):
        if digests[key] != other_digests[key]:
            raise UserError(
                f"{first} and {second} are about different {what}: compare reports on the same ones"
            )
    counts = [len(next(iter(next(iter(each.values())).values()))) for each in (scores, others)]
    if counts[0] != counts[1]:
        raise UserError(
            f"{(first, second)[counts[0] > counts[1]]}: the report is damaged: {PER_PICTURE} has "
            f"{min(counts):,} of {max(counts):,} pictures: evaluate again"
        )
    same = first.resolve() == second.resolve()
    if same and not methods:
        raise UserError(
            f"{first}: the two reports are one: name two of its rows to compare: --methods A B"
        )
    if methods and same and methods[0] == methods[-1]:
        raise UserError(
            f"--methods {methods[0]}: the two reports are one: name another row to compare it with"
        )
    if methods and any(map(is_pattern, methods)):
        a, b = _group(scores, methods[0], first), _group(others, methods[-1], second)
        if both := set(a.rows.values()) & set(b.rows.values()) if same else None:
            raise UserError(f"--methods: {min(both)} is in both groups: let each run be in one")
        if a.label == b.label:
            a, b = (g._replace(label=f"{r}: {g.label}") for g, r in ((a, first), (b, second)))
        return _compare_groups(f"{first} - {second}", a, b)
    rows = {}
    if methods:
        pairs = [(_row(scores, methods[0], first), _row(others, methods[-1], second))]
    else:
        pairs = _pairs(scores, others)
    for a, b in pairs:
        both = [name for name in scores[a] if name in others[b]]
        label = a if a == b else f"{a} - {b}"
        rows[label] = {n: as_json(bootstrap.mean(scores[a][n] - others[b][n])) for n in both}
    return markdown(table(rows, heading=f"{first} - {second}", ranked=False))


class Group(NamedTuple):
    """Holds rows of a report that are compared together.

    Attributes:
      label: as the user wrote them, with their number.
      rows: their names, by what the stars of a pattern stand for.
      scores: by metric, one row for each run, one column for each picture.
    """

    label: str
    rows: Rows
    scores: dict[str, np.ndarray]


def group_of(label: str, rows: Rows, scores: Scores) -> Group:
    """Gathers the scores of some rows of a report, of one at least."""
    names = list(rows.values())
    return Group(
        label, rows, {n: np.stack([scores[r][n] for r in names]) for n in scores[names[0]]}
    )


def seed_by_seed(a: Group, b: Group) -> bool:
    """Returns whether each run of two groups has the one of its seed in the other."""
    return len(a.rows) > 1 and a.rows.keys() == b.rows.keys()


def difference(a: Group, b: Group) -> dict[str, dict[str, Any]]:
    """Returns the mean of one group minus that of another, over runs and pictures, by metric.

    Where both have the same seeds, runs of one seed are subtracted: they may share a start, their
    first weights or the order of their pictures. Other groups are compared as they are.
    """
    both = [name for name in a.scores if name in b.scores]
    if seed_by_seed(a, b):
        return {n: as_json(over_seeds(a.scores[n] - b.scores[n])) for n in both}
    return {n: as_json(over_seeds(a.scores[n], b.scores[n])) for n in both}


def _group(scores: Scores, pattern: str, report: Path) -> Group:
    """Finds the rows of a report that a name or a pattern stands for."""
    found = rows_like(pattern, scores)
    if not found:
        raise _no_row(scores, pattern, report)
    runs = "1 run" if len(found) == 1 else f"{len(found)} runs"
    label = pattern if pattern in scores else f"{pattern} ({runs})"
    return group_of(label, found, scores)


def _compare_groups(heading: str, a: Group, b: Group) -> str:
    """Writes the means of two groups of runs and their difference, over runs and pictures."""
    differences = difference(a, b)
    rows = {
        group.label: {n: as_json(over_seeds(group.scores[n])) for n in differences}
        for group in (a, b)
    }
    rows["difference"] = differences
    notes = [
        f"\nnote: {group.label}: if this was trained, the brackets do not cover its other seeds\n"
        for group in (a, b)
        if len(group.rows) == 1
    ]
    if seed_by_seed(a, b):
        seeds = ", ".join(map(" ".join, a.rows))
        notes.append(f"\nnote: the difference is between runs of one seed ({seeds})\n")
    elif not notes:
        alone = ", ".join(map(" ".join, sorted(a.rows.keys() ^ b.rows.keys())))
        notes.append(
            "\nnote: the difference is not between runs of one seed: the stars stand for "
            f"{alone} in one group alone\n"
        )
    return markdown(table(rows, heading=heading, ranked=False)) + "".join(notes)


def _row(scores: Scores, name: str, report: Path) -> str:
    """Returns the name of a row, or refuses one that the report does not have."""
    if name not in scores:
        raise _no_row(scores, name, report)
    return name


def _no_row(scores: Scores, name: str, report: Path) -> UserError:
    return UserError(f'--methods: no row "{name}" in {report}, which has {", ".join(scores)}')


def _pairs(first: Scores, second: Scores) -> list[tuple[str, str]]:
    """Pairs the rows that both reports have, or the only one of each."""
    shared = [name for name in first if name in second]
    if shared:
        return [(name, name) for name in shared]
    if len(first) == len(second) == 1:
        return [(next(iter(first)), next(iter(second)))]
    known = f"{', '.join(first)} and {', '.join(second)}"
    raise UserError(f"the reports share no method; they have {known}: add --methods A B")


def read_report(report: Path) -> tuple[Scores, dict[str, str]]:
    """Reads the scores of a report, and the SHA-256 of its pictures and masks.

    Raises:
      UserError: no report is there, or it is damaged.
    """
    try:
        recorded = json.loads((report / MANIFEST).read_text("utf-8"))["sha256"]
        digests = {name: recorded[name] for name in ("data", "masks")}
        with (report / PER_PICTURE).open(encoding="utf-8", newline="") as file:
            lines = list(csv.DictReader(file))
        metrics = [name for name in lines[0] if name not in ("picture", "share", "method")]
        values: dict[str, dict[str, list[float]]] = {}
        pictures: dict[str, list[str]] = {}
        for number, line in enumerate(lines, start=2):
            if None in line or None in line.values():
                raise ValueError(f"line {number} of {PER_PICTURE} has too few cells, or too many")
            pictures.setdefault(line["method"], []).append(line["picture"])
            method = values.setdefault(line["method"], {name: [] for name in metrics})
            for name in metrics:
                method[name].append(float(line[name] or "nan"))
        if not metrics or len(set(map(tuple, pictures.values()))) > 1:
            raise ValueError(f"in {PER_PICTURE} not all methods have the same pictures")
    except (FileNotFoundError, NotADirectoryError) as error:
        missing = Path(error.filename).name
        raise UserError(f"{report} is not a report: {missing} is missing") from error
    except (OSError, ValueError, KeyError, TypeError, IndexError, csv.Error) as error:
        raise UserError(f"{report}: the report is damaged: {error}") from error
    scores = {m: {n: np.array(v) for n, v in by.items()} for m, by in values.items()}
    return scores, digests
