"""Reads the lines of a run's metrics.jsonl: a record each."""

import json
from typing import Any


def records_in(text: str) -> tuple[list[dict[str, Any]], int]:
    """Returns the records in the text of a metrics.jsonl, and the number of lines without one.

    A last line that a killed run left half written is skipped and not counted.
    """
    lines = text.split("\n")  # a whole file ends in a line end, so the last of these is torn
    found = [_record(line) for line in lines]
    return [x for x in found if x is not None], sum(x is None for x in found[:-1])


def _record(line: str) -> dict[str, Any] | None:
    """Returns the record that a line holds; None if it holds none."""
    try:
        record = json.loads(line)
        kind, phase, step = record.pop("kind"), record.pop("phase"), record.pop("step")
        named = isinstance(kind, str) and isinstance(phase, str) and type(step) is int
        if named and all(x is None or type(x) in (int, float) for x in record.values()):
            return {"kind": kind, "step": step, "phase": phase, **record}
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError):
        pass
    return None
