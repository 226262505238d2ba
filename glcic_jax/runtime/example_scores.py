"""Keeps the latest scores of each held-out example in a run folder. Needs no JAX."""

import json
from pathlib import Path

from glcic_jax.runtime.disk import write_whole
from glcic_jax.runtime.errors import UserError

SCORES_FILE = "held_out.json"
"""The latest scores of each held-out example: "step", and "scores" by name, a list each."""


def write_scores(workdir: Path, step: int, scores: dict[str, list[float]]) -> None:
    """Writes the scores of each held-out example after `step` updates, in place of older ones."""
    write_whole(workdir / SCORES_FILE, json.dumps({"step": step, "scores": scores}) + "\n")


def read_scores(workdir: Path) -> tuple[int, dict[str, list[float]]] | None:
    """Reads what `write_scores` wrote: the step, and the scores; None if there is nothing.

    Raises:
      UserError: the file is damaged.
    """
    path = workdir / SCORES_FILE
    if not path.exists():
        return None
    try:
        content = json.loads(path.read_text("utf-8"))
        return int(content["step"]), dict(content["scores"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: cannot read it ({error}): remove it") from error
