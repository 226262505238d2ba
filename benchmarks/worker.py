"""Runs one side of a race: answers "setup", "run" and "peak", a line of JSON each.

    python -m benchmarks.worker NAME ARGUMENTS

A worker is a function that takes the arguments and returns one that does the work once, and waits
until it is done. If not all of its time counts, that one returns the seconds that do, as a float.
"""

import json
import os
import resource
import sys
import time

SETUP_RUNS = 2
"""Turns before the first one that counts."""


def main() -> int:
    """Serves until its input ends."""
    from benchmarks import floors, ours
    from benchmarks.peers import onnx_sides, opencv, torch_sides

    workers = {
        "ours_train": ours.train,
        "ours_complete": ours.complete,
        "ours_input": ours.read,
        "torch_train": torch_sides.train,
        "torch_complete": torch_sides.complete,
        "torch_input": torch_sides.read,
        "telea": opencv.telea,
        "onnxruntime": onnx_sides.onnxruntime,
        "openvino": onnx_sides.openvino,
        "opencv_dnn": onnx_sides.opencv_dnn,
        "matrix_rate": floors.matrix_product,
        "memory_rate": floors.memory_pass,
    }
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what libraries print is not an answer
    name, arguments = sys.argv[1], json.loads(sys.argv[2])

    run = None
    for line in sys.stdin:
        if line.strip() == "setup":
            start = time.perf_counter()
            try:
                run = workers[name](**arguments)
            except ImportError as error:
                answer = {"note": f"{error.name} is not installed"}
            else:
                for _ in range(SETUP_RUNS):
                    run()
                answer = {"seconds": time.perf_counter() - start}
        elif line.strip() == "run":
            assert run is not None
            start = time.perf_counter()
            counted = run()
            taken = time.perf_counter() - start
            answer = {"seconds": counted if isinstance(counted, float) else taken}
        else:
            answer = {"mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}
        print(json.dumps(answer), file=answers, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
