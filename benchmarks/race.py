"""Times programs against each other: separate processes that take turns, medians of several.

Neighbours and clock speeds change from minute to minute; sides that take turns meet the same ones,
so their ratio is steadier than either time.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import floors
from glcic_jax.runtime.command_line import command_parser
from glcic_jax.runtime.disk import write_whole

ROOT = Path(__file__).parents[1]


class Side(NamedTuple):
    """Describes one contestant: a worker of benchmarks/worker.py and its arguments."""

    name: str
    worker: str
    arguments: dict[str, Any]


class Result(NamedTuple):
    """Holds the time and memory that a side took.

    Attributes:
      seconds: median of the turns; None if the side could not run.
      peak_mib: the most memory that the process held.
      setup_seconds: time until it was ready, with compilation and two turns.
      note: the reason why there is no time.
      cpu_seconds: as `seconds`, of CPU time, all threads of the process together.
    """

    seconds: float | None
    peak_mib: float = 0.0
    setup_seconds: float = 0.0
    note: str = ""
    cpu_seconds: float = 0.0


class Process:
    """Runs one side, and talks to it by lines.

    Args:
      side: what it runs.
      cache: folder for programs that it keeps; by default the user's.
    """

    def __init__(self, side: Side, cache: Path | None = None) -> None:
        environment = os.environ | ({"XDG_CACHE_HOME": str(cache)} if cache else {})
        command = [
            sys.executable,
            "-m",
            "benchmarks.worker",
            side.worker,
            json.dumps(side.arguments),
        ]
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, what: str) -> dict[str, Any] | None:
        """Returns the answer to a word of `benchmarks.worker`; None when the process is gone."""
        assert self._process.stdin and self._process.stdout
        try:
            self._process.stdin.write(what + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            return None
        line = self._process.stdout.readline()
        return json.loads(line) if line else None

    def stop(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()  # it ends, and its own workers with it
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()


def race(sides: Sequence[Side], rounds: int) -> dict[str, Result]:
    """Runs every side `rounds` times, in turn; all are set up, and warm, before the first turn."""
    # Set up.
    processes = {side.name: Process(side) for side in sides}
    results: dict[str, Result] = {}
    ready: dict[str, dict] = {}
    for name, process in processes.items():
        answer = process.ask("setup")
        if answer is None or "note" in answer:
            results[name] = Result(None, note=(answer or {"note": "stopped by an error"})["note"])
        else:
            ready[name] = answer
    # Take turns.
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in ready}
    for _ in range(rounds):
        for name in ready:
            if answer := processes[name].ask("run"):
                times[name].append((answer["seconds"], answer["cpu_seconds"]))
    # Sum up.
    for name, values in times.items():
        peak = processes[name].ask("peak") or {"mib": 0.0}
        setup = ready[name]["seconds"]
        results[name] = (
            Result(None, note="stopped by an error")
            if len(values) < rounds
            else Result(
                statistics.median(wall for wall, _ in values),
                peak["mib"],
                setup,
                cpu_seconds=statistics.median(cpu for _, cpu in values),
            )
        )
    for process in processes.values():
        process.stop()
    return {side.name: results[side.name] for side in sides}


def measured_machine(edge: int) -> tuple[dict[str, Any], float, float]:
    """Measures the machine, and prints it.

    Args:
      edge: rows of the square matrices.

    Returns:
      The machine's description, operations per second of its float32 matrix products, and bytes
      per second of its memory.
    """
    sides = [
        Side("matrix", "matrix_rate", {"size": edge}),
        Side("memory", "memory_rate", {"mebibytes": 512}),
    ]
    matrix, memory = (result.seconds for result in race(sides, 9).values())
    assert matrix is not None
    assert memory is not None
    rate, bandwidth = 2 * edge**3 / matrix, 2 * 2**29 / memory
    about = floors.machine() | {
        "matrix_gflops_float32": round(rate / 1e9),
        "memory_gbytes_per_s": round(bandwidth / 1e9, 1),
    }
    print(about)
    return about, rate, bandwidth


def race_parser(name: str, about: str | None, rounds: int = 5) -> argparse.ArgumentParser:
    """Makes a parser for `python -m benchmarks.NAME` with the flags that all races have.

    Args:
      name: the module.
      about: what --help begins with.
      rounds: turns of each side by default.
    """
    parser = command_parser(f"benchmarks.{name}", about)
    parser.add_argument(
        "--rounds", type=int, default=rounds, help=f"turns of each side; {rounds} by default"
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path(f"runs/benchmarks/{name}.json"),
        help=f"file of the results; runs/benchmarks/{name}.json by default",
    )
    return parser


def in_json(results: dict[str, Result]) -> dict[str, Any]:
    """Returns results as JSON has them."""
    return {name: result._asdict() for name, result in results.items()}


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Writes JSON, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(content, indent=2) + "\n")
    print(f"\nwritten: {path}")


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Returns a table as Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def seconds_text(result: Result, unit: float = 1.0, digits: int = 2) -> str:
    """Returns seconds times `unit` as text, or why there are none."""
    return result.note if result.seconds is None else f"{result.seconds * unit:.{digits}f}"


def ratio(slow: Result, fast: Result) -> str:
    """Returns how many times as fast the second is."""
    if slow.seconds is None or fast.seconds is None:
        return "-"
    return f"{slow.seconds / fast.seconds:.2f}"
