"""Measures pictures of many sizes, one after the other in one process: `complete --sizes mixed`."""

import statistics
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.race import Process, Side, table

SIZES = (
    (512, 512), (480, 320), (333, 500), (500, 375), (256, 300), (420, 512), (301, 199), (64, 80),
)  # fmt: skip
"""Heights and widths of the pictures."""

PASSES = ("cold", "kept", "again")
"""In a fresh process with an empty cache; in the next process, with what the first one kept; and
the same pictures again in the process that has just completed them."""


def turn(side: Side) -> dict[str, Any]:
    """Runs one side, as two processes one after the other.

    Returns:
      By pass, its answers: "seconds" and "cpu_seconds" of the pictures, "programs" that were
      compiled or read from the cache for them, where the side counts them, and "start", the seconds
      until the network was ready. If it could not run, a "note".
    """
    answers: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as cache:
        for name in ("cold", "kept"):
            process = Process(side, Path(cache))
            ready = process.ask("first") or {"note": "stopped by an error"}
            if "note" not in ready:
                answers[name] = process.ask("run")
                answers["again"] = process.ask("run")
            process.stop()
            if "note" in ready or not answers["again"]:
                return {"note": ready.get("note", "stopped by an error")}
            answers[name]["start"] = ready["seconds"]
    return answers


def report(network: str, sides: list[Side], rounds: int) -> dict[str, Any]:
    """Runs all sides in turn, prints a table of medians, and returns all figures."""
    turns: dict[str, list[dict[str, Any]]] = {side.name: [] for side in sides}
    for _ in range(rounds):
        for side in sides:
            turns[side.name].append(turn(side))
            print(side.name, turns[side.name][-1], flush=True)
    lines = []
    for name, answers in turns.items():
        if notes := sorted({answer["note"] for answer in answers if "note" in answer}):
            print(f"{name}: {notes[0]}")
            continue
        middle = {
            (which, key): statistics.median(answer[which][key] for answer in answers)
            for which in PASSES
            for key in ("seconds", "cpu_seconds")
        }
        start = statistics.median(answer["kept"]["start"] for answer in answers)
        texts = [
            f"{middle[which, 'seconds'] / part:.2f} ({middle[which, 'cpu_seconds'] / part:.2f})"
            for which in PASSES
            for part in (1, len(SIZES))
        ]
        lines.append([name, f"{start:.1f}", *texts, answers[0]["cold"].get("programs", "-")])
    print(
        f"\nnetwork {network}, {len(SIZES)} pictures of as many sizes, seconds of wall (of CPU):\n"
    )
    head = [f"{which}, {what}" for which in PASSES for what in ("all", "a picture")]
    print(table(["side", "start", *head, "programs"], lines))
    return {"sizes": SIZES, "turns": turns}
