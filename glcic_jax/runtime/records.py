"""Reads the lines of a run's metrics.jsonl: a record each."""

import json
import logging
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)


def records_in(path: Path) -> list[dict[str, Any]]:
    """Reads the records of a metrics.jsonl, as `run_folder.read_records` describes them."""
    text = path.read_text("utf-8", errors="replace") if path.exists() else ""
    lines = text.split("\n")  # a whole file ends in a line end, so the last of these is torn
    records = [_record(line) for line in lines]
    damaged = sum(record is None for record in records[:-1])
    if damaged:
        log.warning("%s: damaged: %d of its lines hold no record and are left out", path, damaged)
    return [record for record in records if record is not None]


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
