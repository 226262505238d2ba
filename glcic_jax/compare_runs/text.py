"""Writes a comparison as text for people, as rows of cells for its page, and as JSON."""

import json
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from glcic_jax.compare_runs.comparison import Change, Comparison, Score
from glcic_jax.compare_runs.runs import Run

ABSENT, UNKNOWN = "absent", "not recorded"
"""What stands for a field that a config does not have, and for a fact that a run did not keep."""

WIDEST = 40
"""Characters of a cell; a row with a longer one is printed as a list."""


class Table(NamedTuple):
    """Holds a table with a column per run.

    Attributes:
      heading: a phrase.
      rows: the cells by the row's name.
    """

    heading: str
    rows: dict[str, list[str]]


def tables(comparison: Comparison) -> list[Table]:
    """Returns the tables of a comparison; one without rows has all in its heading."""
    runs, names = comparison.runs, [run.name for run in comparison.runs]
    config = {
        field: [shown(by_run[name]) if name in by_run else ABSENT for name in names]
        for field, by_run in comparison.config.items()
    }
    starts = {
        fact: [_shown_changes(by_run.get(name, [])) for name in names]
        for fact, by_run in comparison.starts.items()
    }
    facts = f"{len(starts)} of {comparison.facts} facts differ" if comparison.facts else UNKNOWN
    return [
        Table("runs", _progress(runs)),
        Table("scores of held-out pictures", _scores(comparison)),
        Table(f"config: {len(config)} of {comparison.fields} fields differ", config),
        Table(f"provenance: {facts}", starts),
    ]


def tables_of_same(comparison: Comparison) -> list[Table]:
    """Returns tables of what all runs have alike, with one column: what they ran on, and config."""
    same = comparison.same
    starts = {fact: [_shown_changes(changes)] for fact, changes in same.starts.items()}
    config = {field: [shown(value)] for field, value in same.config.items()}
    which = " of all runs" if comparison.runs[1:] else ""
    return [Table(f"provenance{which}", starts), Table(f"config{which}", config)]


def as_text(comparison: Comparison) -> str:
    """Returns a comparison as text."""
    names = [run.name for run in comparison.runs]
    shown_tables = tables(comparison)
    blocks = [_printed(table, names) for table in shown_tables]
    return "\n\n".join([*blocks, *comparison.notes])


def as_json(comparison: Comparison) -> str:
    """Returns a comparison as JSON: the fields of `Comparison`, and "runs" by name.

    A run that has no value for a name is left out there.
    """
    content = {
        "runs": {
            run.name: {
                "method": run.config["method"],
                "updates": run.last,
                "of": sum(run.phases.values()),
                "saved": run.saved,
                "starts": run.starts,
            }
            for run in comparison.runs
        },
        "config": comparison.config,
        "starts": {
            fact: {name: [c._asdict() for c in changes] for name, changes in by_run.items()}
            for fact, by_run in comparison.starts.items()
        },
        "scores": {
            metric: {
                name: {
                    which: dict(zip(("step", "value"), score, strict=True))
                    for which, score in scores._asdict().items()
                    if score
                }
                for name, scores in by_run.items()
            }
            for metric, by_run in comparison.scores.items()
        },
        "notes": comparison.notes,
        "same": {
            "config": comparison.same.config,
            "starts": {
                fact: [change._asdict() for change in changes]
                for fact, changes in comparison.same.starts.items()
            },
        },
    }
    return json.dumps(content, indent=2)


def shown(value: Any) -> str:
    """Returns a value as people read it: texts without quotes, unless they would not be seen."""
    if isinstance(value, str):
        return value if value and value.isprintable() else json.dumps(value)
    return repr(value)


def _progress(runs: Sequence[Run]) -> dict[str, list[str]]:
    """Returns how far each run has come."""
    rows = {
        "method": [shown(run.config["method"]) for run in runs],
        "updates": [f"{run.last:,} of {sum(run.phases.values()):,}" for run in runs],
        "phases": [_phases(run) for run in runs],
        "latest checkpoint": [f"{run.saved[-1]:,}" if run.saved else "none" for run in runs],
        "starts": [str(len(run.starts)) if run.starts else UNKNOWN for run in runs],
        "first start": [_time(run.starts[:1]) for run in runs],
        "latest start": [_time(run.starts[-1:]) for run in runs],
    }
    if not any(run.starts for run in runs):
        del rows["first start"], rows["latest start"]
    elif rows["first start"] == rows["latest start"]:
        del rows["latest start"]
    return rows


def _phases(run: Run) -> str:
    """Returns the updates of each phase, those that were reached first, in their order."""
    order = dict.fromkeys([*(name for name, _ in run.phase_ends()), *run.phases])
    return ", ".join(f"{name} {run.phases[name]:,}" for name in order if run.phases.get(name))


def _time(starts: Sequence[dict[str, Any]]) -> str:
    """Returns the time of the only start, such as "2026-11-25 21:47:08 UTC"."""
    if not starts:
        return UNKNOWN
    return str(starts[0].get("time", UNKNOWN)).replace("T", " ").replace("+00:00", " UTC")


def _scores(comparison: Comparison) -> dict[str, list[str]]:
    """Returns the scores: the best, the last, and those at the last step that all runs have."""
    rows = {}
    for metric, by_run in comparison.scores.items():
        columns = [by_run.get(run.name) for run in comparison.runs]
        cells = {
            "best": [_shown_score(scores.best if scores else None) for scores in columns],
            "last": [_shown_score(scores.last if scores else None) for scores in columns],
        }
        common = [scores.common if scores else None for scores in columns]
        if common != [scores.last if scores else None for scores in columns] and all(common):
            cells["at the same step"] = [_shown_score(score) for score in common]
        for which, row in cells.items():
            if any(row):
                rows[f"{metric} {which}"] = row
    return rows


def _shown_score(score: Score | None) -> str:
    return f"{score[1]:.4g} at {score[0]:,}" if score else ""


def _shown_changes(changes: Sequence[Change]) -> str:
    """Returns a fact and its changes, one a line; long digests are cut to twelve digits."""
    if not changes:
        return UNKNOWN
    values = [ABSENT if change.value is None else _cut(change.value) for change in changes]
    later = [f"from step {c.step:,}: {v}" for v, c in zip(values, changes, strict=True)][1:]
    return "\n".join([values[0], *later])


def _cut(text: str) -> str:
    return shown(re.sub(r"\b([0-9a-f]{12})[0-9a-f]{20,}(?=\+|$)", r"\1", text))


def _printed(table: Table, names: Sequence[str]) -> str:
    """Returns a table as text. A row with a cell that is long becomes a list below its name."""
    long = {
        name
        for name, cells in table.rows.items()
        if any(len(cell) > WIDEST or "\n" in cell for cell in cells)
    }
    rows = {name: cells for name, cells in table.rows.items() if name not in long}
    lines = [table.heading]
    if rows:
        rows = {"": list(names)} | rows
        first = max(len(name) for name in rows)
        widths = [max(len(cells[n]) for cells in rows.values()) for n in range(len(names))]
        for name, cells in rows.items():
            padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=True)]
            lines.append("  ".join([f"  {name:{first}}", *padded]).rstrip())
    for name in table.rows:
        if name in long:
            lines.append(f"  {name}")
            lines += [
                f"    {run}: {line}"
                for run, cell in zip(names, table.rows[name], strict=True)
                for line in cell.splitlines()
            ]
    return "\n".join(lines)
