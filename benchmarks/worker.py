"""Runs one side of a race: answers "setup", "first", "run" and "peak", a line of JSON each.

    python -m benchmarks.worker NAME ARGUMENTS

A worker is a function that takes the arguments and returns one that does the work once, and waits
until it is done. If not all of its time counts, that one returns the seconds that do, as a float;
it may also return figures to be answered beside its time.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

SETUP_RUNS = 2
"""Turns before the first one that counts."""

INSTALL = {
    "torch": "pip install -r requirements-torch.txt",
    "onnxruntime": "pip install -r requirements-onnx.txt",
}
"""How to get what a side needs, where that is an extra of the project."""


def built(
    make: Callable[..., Callable[[], Any]], arguments: dict[str, Any]
) -> tuple[Callable[[], Any] | None, dict[str, Any]]:
    """Makes a worker's function, and returns it with the time that took; or None with the reason.

    The reason names the package that is not installed, and how to install it.
    """
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        run = make(**arguments)
    except ImportError as error:
        name = str(error.name)
        how = INSTALL.get(name, f"pip install {name}")
        return None, {"note": f"{name} is not installed: {how}"}
    return run, {"seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}


def timed(run: Callable[[], Any]) -> dict[str, Any]:
    """Runs once, and returns seconds, those of this process's CPU time, and what it answers."""
    wall, cpu = time.perf_counter(), time.process_time()
    answer = run()
    taken = {"seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}
    if isinstance(answer, dict):
        return taken | answer
    return taken | {"seconds": answer} if isinstance(answer, float) else taken


def peak() -> float:
    """Returns the most memory that this process held, in MiB.

    getrusage counts what the parent held when it started this process.
    """
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0


def main() -> int:
    """Serves until its input ends."""
    from benchmarks import lama, ours
    from benchmarks.peers import onnx_sides, opencv, torch_lama, torch_sides

    workers = {
        "ours_train": ours.train,
        "ours_complete": ours.complete,
        "ours_input": ours.read,
        "ours_lama": lama.ours,
        "torch_lama": torch_lama.complete,
        "torch_train": torch_sides.train,
        "torch_complete": torch_sides.complete,
        "torch_input": torch_sides.read,
        "telea": opencv.telea,
        "onnxruntime": onnx_sides.onnxruntime,
        "openvino": onnx_sides.openvino,
        "opencv_dnn": onnx_sides.opencv_dnn,
        "matrix_rate": ours.matrix_rate,
        "memory_rate": ours.memory_rate,
    }
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what libraries print is not an answer
    name, arguments = sys.argv[1], json.loads(sys.argv[2])

    run = None
    for line in sys.stdin:
        asked = line.strip()
        if asked in ("setup", "first"):
            run, answer = built(workers[name], arguments)
            if run and asked == "setup":
                answer["seconds"] += sum(timed(run)["seconds"] for _ in range(SETUP_RUNS))
        elif asked == "run":
            assert run is not None
            answer = timed(run)
        else:
            answer = {"mib": peak()}
        print(json.dumps(answer), file=answers, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
