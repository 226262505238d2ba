"""Finds what differs between runs: in their configs, their starts and their scores."""

import shlex
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from glcic_jax.compare_runs.runs import Run
from glcic_jax.metrics.columns import COLUMNS, Column
from glcic_jax.runtime.fields import dotted
from glcic_jax.train.page import SCORES, curves_of

EXAMPLES = "data.held-out examples"
"""The digest of the pictures and holes that the scores are of, as a dotted name of a start."""

Score = tuple[int, float]
"""A step and the score at it."""


class Scores(NamedTuple):
    """Holds a run's scores by one metric.

    Attributes:
      best: the best one, the first of equal ones; None if the metric has no best.
      last: the last one.
      common: the one at the last step at which all runs have one; None if there is no such step.
    """

    best: Score | None
    last: Score
    common: Score | None


class Change(NamedTuple):
    """Holds a fact of a run's start that holds until the next change.

    Attributes:
      step: the updates that the run had when it was started so.
      value: the fact; None if the start has none of this name.
    """

    step: int
    value: str | None


class Same(NamedTuple):
    """Holds what all runs have alike.

    Attributes:
      config: the values of fields by dotted name.
      starts: the facts of starts by name, each with its changes.
    """

    config: dict[str, Any]
    starts: dict[str, list[Change]]


class Comparison(NamedTuple):
    """Holds what differs between runs. In each dict by run, a run that has no value is not there.

    Attributes:
      runs: the runs.
      config: the fields that differ: values by dotted name, then by run.
      fields: the number of fields that the configs have together.
      starts: the facts of starts that differ, by name, then by run: each with its changes.
      facts: the number of facts that the starts have together.
      scores: by metric, then by run.
      notes: what stands against comparing the scores, a sentence each.
      same: what does not differ.
    """

    runs: list[Run]
    config: dict[str, dict[str, Any]]
    fields: int
    starts: dict[str, dict[str, list[Change]]]
    facts: int
    scores: dict[str, dict[str, Scores]]
    notes: list[str]
    same: Same


def compare(runs: list[Run]) -> Comparison:
    """Compares runs."""
    fields = _by_run(runs, lambda run: run.config)
    config, same_config = _parted(runs, dict(sorted(fields.items())))
    facts = _by_run(runs, _history)
    starts, same_starts = _parted(runs, facts)
    return Comparison(
        runs=runs,
        config=config,
        fields=len(fields),
        starts=starts,
        facts=len(facts),
        scores=_scores(runs),
        notes=_notes(runs, facts.get(EXAMPLES, {})),
        same=Same(same_config, same_starts),
    )


def _by_run(runs: Sequence[Run], values: Callable[[Run], dict[str, Any]]) -> dict[str, dict]:
    """Returns the values of each run, by their own names, then by the run's."""
    found: dict[str, dict] = {}
    for run in runs:
        for name, value in values(run).items():
            found.setdefault(name, {})[run.name] = value
    return found


def _parted(
    runs: Sequence[Run], found: dict[str, dict[str, Any]]
) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """Parts values by name, then by run, into those that differ and those that all runs have."""
    same = {}
    for name, by_run in found.items():
        first = next(iter(by_run.values()))
        if len(by_run) == len(runs) and all(value == first for value in by_run.values()):
            same[name] = first
    return {name: by_run for name, by_run in found.items() if name not in same}, same


def _history(run: Run) -> dict[str, list[Change]]:
    """Returns the facts of a run's starts by dotted name, such as "packages.jax"."""
    starts = [(start.get("step", 0), _facts(start)) for start in run.starts]
    history: dict[str, list[Change]] = {}
    for name in dict.fromkeys(name for _, facts in starts for name in facts):
        changes = history.setdefault(name, [])
        for step, facts in starts:
            if not changes or changes[-1].value != facts.get(name):
                changes.append(Change(step, facts.get(name)))
    return history


def _facts(start: dict[str, Any]) -> dict[str, str]:
    """Returns the facts of a start as text, but its time and its step, which always differ."""
    return {
        name: _text(name, value)
        for name, value in dotted(start).items()
        if name not in ("time", "step")
    }


def _text(name: str, value: Any) -> str:
    if isinstance(value, list):
        return shlex.join(value) if name == "command" else "; ".join(map(str, value))
    return str(value)


def _scores(runs: Sequence[Run]) -> dict[str, dict[str, Scores]]:
    found = {}
    for metric, by_run in _by_run(runs, lambda run: curves_of(run.records, SCORES)).items():
        column = COLUMNS.get(metric.rpartition("/")[2], Column(metric))
        scores = {name: dict(curve) for name, curve in by_run.items()}
        shared = set.intersection(*map(set, scores.values())) if len(by_run) == len(runs) else set()
        found[metric] = {
            name: Scores(
                best=column.best(curve.items(), key=lambda item: item[1]) if column.best else None,
                last=max(curve.items()),
                common=(max(shared), curve[max(shared)]) if shared else None,
            )
            for name, curve in scores.items()
        }
    return found


def _notes(runs: Sequence[Run], examples: dict[str, list[Change]]) -> list[str]:
    """Returns why the scores of the runs may not be compared."""
    unknown = [run.name for run in runs if run.name not in examples]
    known = {changes[-1].value for changes in examples.values()}
    notes = []
    if len(known) > 1:
        notes.append("The held-out examples differ: the scores are of other pictures or holes.")
    if unknown:
        notes.append(
            f"{', '.join(unknown)} did not record which held-out examples the scores are of: they "
            "may be others."
        )
    return notes
