"""Measures what a new training costs until its first record, and how soon it answers SIGTERM.

    python -m benchmarks.start_training --other ../glcic_jax_before

Each training's row is printed when it is known; `--trainings quickstart --rounds 1` is the
least.

Whole processes with empty caches, in this clone and in another one, in turn: CPU time (of all
cores) and wall time from the command to the first line of metrics.jsonl, after one update; then
the wall time from SIGTERM, sent while the first step is compiled, to the process's end. It reads
/proc, so it needs Linux.
"""

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.race import ROOT, race_parser, table, write_json

COMMON = (
    "--config=configs/places2.py", "--config.data.source=scikit_image", "--config.data.root=",
    "--config.data.held_out=0.3", "--config.data.resize=(96,192)", "--config.holes.shortest=16",
    "--config.holes.longest=24", "--config.local_patch=32", "--config.every.log=1",
)  # fmt: skip

TRAININGS = {
    "width64": (
        "--config.width=64", "--config.data.crop=64", "--config.data.batch_size=8",
    ),
    "quickstart": (
        "--config.width=16", "--config.data.crop=80", "--config.data.batch_size=16",
        "--config.cpu_devices=2",
    ),
}  # fmt: skip
"""By name. width64: 64 pixels, batch 8. quickstart: its sizes, width 16, 80 pixels, batch 16."""

COMPILING = 10.0
"""Seconds of CPU after which the first step is surely being compiled, and not yet done."""


def cpu_seconds(pid: int) -> float:
    """Returns the CPU time that a process has taken, with the system's part."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(clone: Path, training: tuple[str, ...], done: Callable[[Path, int], bool]) -> dict:
    """Trains until `done(run folder, process)`, then sends SIGTERM and waits for the end.

    Returns:
      Seconds: "cpu" and "wall" until it was done, "leaving" from the signal on.

    Raises:
      RuntimeError: the training has ended by itself.
    """
    with tempfile.TemporaryDirectory() as folder:
        workdir, environment = Path(folder) / "run", {**os.environ, "XDG_CACHE_HOME": folder}
        command = [sys.executable, "-m", "glcic_jax.main", *COMMON, *training]
        start = time.perf_counter()
        with subprocess.Popen(
            [*command, f"--workdir={workdir}"],
            cwd=clone,
            env=environment | {"PYTHONPATH": str(clone)},
            stdout=subprocess.DEVNULL,
        ) as process:
            while not done(workdir, process.pid):
                if process.poll() is not None:
                    raise RuntimeError(f"{clone}: exit code {process.returncode}")
                time.sleep(0.02)
            cost = {"cpu": cpu_seconds(process.pid), "wall": time.perf_counter() - start}
            process.send_signal(signal.SIGTERM)
            start = time.perf_counter()
            process.wait()
        return cost | {"leaving": time.perf_counter() - start}


def has_recorded(workdir: Path, pid: int) -> bool:
    """Returns whether the first record is there."""
    del pid
    records = workdir / "metrics.jsonl"
    return records.is_file() and records.stat().st_size > 0


def compiles(workdir: Path, pid: int) -> bool:
    """Returns whether the first step is being compiled."""
    del workdir
    return cpu_seconds(pid) > COMPILING


def turn(clone: Path, training: tuple[str, ...]) -> dict[str, float]:
    """Returns one turn of a clone: "cpu" and "wall" to the first record, and "leaving"."""
    leaving = measure(clone, training, compiles)["leaving"]
    return measure(clone, training, has_recorded) | {"leaving": leaving}


def main() -> None:
    """Measures all sides in turn, and prints one table of medians."""
    parser = race_parser("start_training", __doc__)
    parser.add_argument("--other", type=Path, help="another clone, to compare with")
    parser.add_argument(
        "--trainings", nargs="+", choices=TRAININGS, default=[*TRAININGS], help="all by default"
    )
    options = parser.parse_args()
    clones = {"this": ROOT} | ({"other": options.other.resolve()} if options.other else {})
    columns = {"cpu": "CPU s", "wall": "wall s", "leaving": "SIGTERM answered, s"}
    lines, records = [], []
    for name in options.trainings:
        turns = [
            {side: turn(clone, TRAININGS[name]) for side, clone in clones.items()}
            for _ in range(options.rounds)
        ]
        medians = {
            side: {key: statistics.median(turn[side][key] for turn in turns) for key in columns}
            for side in clones
        }
        lines.append([name, *(f"{medians[s][key]:.1f}" for s in clones for key in columns)])
        records.append({"training": name, **medians})
        print(*lines[-1], flush=True)
    print(
        table(["training", *(f"{s}, {what}" for s in clones for what in columns.values())], lines)
    )
    write_json(options.output, {"results": records})


if __name__ == "__main__":
    main()
