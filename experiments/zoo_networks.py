"""Reads what runs and weights record of themselves, for the zoo's page."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from glcic_jax.runtime.fields import dotted
from glcic_jax.runtime.run_folder import read_records, read_run
from glcic_jax.runtime.sample_grids import grid_files
from glcic_jax.train.page import SCORES
from glcic_jax.weights.address import locate
from glcic_jax.weights.exchange import read_exchange
from glcic_jax.weights.hub import SCHEME
from glcic_jax.weights.kinds import is_weights
from glcic_jax.weights.pretrained import NAME as PRETRAINED


class Network(NamedTuple):
    """Holds what the page shows of a network.

    Attributes:
      name: its name on the page.
      config: values by dotted name.
      step: updates.
      scores: held-out scores after them, by name; empty if it was not scored then.
      start: the provenance of its last start; empty if it has none.
      seconds: the time that its updates took; None if it is unknown.
      load: how to load it from anywhere; "" if its weights are not offered.
      starts: how often it was started.
      grid: the file of its latest pictures; None if it has none.
    """

    name: str
    config: dict[str, Any]
    step: int
    scores: dict[str, float]
    start: dict[str, Any]
    seconds: float | None
    load: str
    starts: int
    grid: Path | None = None


def read_network(name: str, address: str) -> Network:
    """Reads what a run or weights record of themselves; no array of a run is read.

    Raises:
      UserError: there is neither.
    """
    path, _ = locate(address)
    if is_weights(path):
        weights = read_exchange(path)
        offered = address == PRETRAINED or address.startswith(SCHEME)
        load = f'`load("{address}")`' if offered else ""
        config = dotted(weights.run or {})
        return Network(name, config, weights.step, weights.scores, {}, None, load, 0)
    content, records = read_run(path), read_records(path)
    step = records[-1]["step"] if records else 0
    last = [record for record in records if record["kind"] == "held_out" and record["step"] == step]
    scores = {n: v for n, v in (last[-1] if last else {}).items() if n.startswith(SCORES)}
    starts = content["starts"]
    start = starts[-1] if starts else {}
    config, seconds = dotted(content["config"]), _seconds(records)
    grid = (grid_files(path) or [None])[-1]
    return Network(name, config, step, scores, start, seconds, "", len(starts), grid)


def _seconds(records: Sequence[dict[str, Any]]) -> float | None:
    """Returns the time of all updates, as the records between them measured it."""
    total, last = 0.0, 0
    for record in records:
        if record["kind"] == "train":
            first = "first_update_s" in record
            total += record.get("first_update_s") or 0
            total += (record["step"] - last - first) * (record.get("step_ms") or 0) / 1000
            last = record["step"]
    return total or None
