"""Measures what a first picture costs: the command, `load`, and pictures of many sizes.

    python -m benchmarks.start
    python -m benchmarks.start --other ../glcic_jax_before    # beside another clone, in turn
    python -m benchmarks.start --hundred    # 100 pictures of 100 sizes, and as many of one, too

"cold" begins with empty caches, "warm" follows it. All are whole processes with a copy of the
network that ships, or of --network: wall time, CPU time and the most memory that one held. The
floor is a process that only imports what every completion needs.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.mixed import SIZES
from benchmarks.race import ROOT, race_parser, table, write_json
from glcic_jax.pictures.decode import write_picture
from glcic_jax.runtime.errors import UserError

SHIPPED = ROOT / "glcic_jax" / "weights" / "pretrained"

FLOOR = "import numpy, cv2, PIL.Image, jax; jax.devices()"

LOAD = "import sys, glcic_jax; glcic_jax.load(sys.argv[1])"

MIXED = """
import sys
import numpy as np
import glcic_jax
completer = glcic_jax.load(sys.argv[1])
noise = np.random.default_rng(0).integers(0, 256, (512, 512, 3), np.uint8)
for height, width in eval(sys.argv[2]):
    mask = np.zeros((height, width), bool)
    mask[height // 3 : height // 2, width // 3 : width // 2] = True
    completer(noise[:height, :width], mask)
"""

HUNDRED = [tuple(size) for size in np.random.default_rng(0).integers(96, 513, (100, 2)).tolist()]
"""Heights and widths of 100 pictures."""

EDGE = int(statistics.mean(height * width for height, width in HUNDRED) ** 0.5)
"""Of a square with as many pixels as they have in the mean."""


class Cost(NamedTuple):
    """Holds what a process took: seconds of wall and CPU time, and its peak memory in MiB."""

    wall: float
    cpu: float
    memory: float


def measure(clone: Path, arguments: list[str], cache: Path) -> Cost | None:
    """Runs Python in a clone, and returns what it took; None if it refuses the flags.

    Raises:
      RuntimeError: it failed.
    """
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache), "PYTHONPATH": str(clone)}
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *arguments], cwd=clone, env=environment, stdout=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode == UserError.code:  # an older clone, which lacks what is asked for
        return None
    if process.returncode:
        raise RuntimeError(f"{clone}: exit code {process.returncode}: {arguments}")
    wall = time.perf_counter() - start
    return Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def rows(clone: Path, folder: Path, network: Path, hundred: bool) -> dict[str, Cost | None]:
    """Returns the costs of one turn of a clone, by row; None where it lacks what a row takes."""
    files = {name: str(folder / f"{name}.png") for name in ("image", "mask", "output")}
    with tempfile.TemporaryDirectory() as name:
        cache, own = Path(name), str(Path(name) / "network")
        shutil.copytree(network, own, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
        flags = {"checkpoint": own, **files}
        complete = ["-m", "glcic_jax.complete", *(f"--{n}={f}" for n, f in flags.items())]
        textured = [*complete, "--texture"]
        many: dict[str, Sequence[tuple[int, ...]]] = {
            f"load and {len(SIZES)} pictures of as many sizes": SIZES
        }
        if hundred:
            many["load and 100 pictures of 100 sizes"] = HUNDRED
            many[f"load and 100 pictures of {EDGE} x {EDGE}"] = [(EDGE, EDGE)] * 100
        return {
            "floor: NumPy, OpenCV, Pillow, JAX": measure(clone, ["-c", FLOOR], cache),
            "complete 512 x 512, cold": measure(clone, complete, cache),
            "complete 512 x 512, warm": measure(clone, complete, cache),
            "the same with texture, first": measure(clone, textured, cache),
            "the same with texture, warm": measure(clone, textured, cache),
            "load()": measure(clone, ["-c", LOAD, own], cache),
            **{
                row: measure(clone, ["-c", MIXED, own, repr(sizes)], cache)
                for row, sizes in many.items()
            },
        }


def medians(turns: list[dict[str, Cost | None]], row: str) -> Cost | None:
    """Returns the medians of a row's wall time, CPU time and memory, each by itself."""
    costs = [cost for turn in turns if (cost := turn[row])]
    return Cost(*map(statistics.median, zip(*costs, strict=True))) if costs else None


def main() -> None:
    """Measures all sides in turn, and prints one table of medians."""
    parser = race_parser("start", __doc__)
    parser.add_argument("--other", type=Path, help="another clone, to compare with")
    parser.add_argument("--hundred", action="store_true", help="100 pictures of 100 sizes too")
    parser.add_argument("--network", type=Path, default=SHIPPED, help="folder of weights")
    options = parser.parse_args()
    clones = {"this": ROOT} | ({"other": options.other.resolve()} if options.other else {})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        coarse = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
        mask = np.zeros((512, 512, 3), np.uint8)
        mask[192:320, 192:320] = 255
        write_picture(folder / "image.png", coarse.repeat(8, 0).repeat(8, 1))
        write_picture(folder / "mask.png", mask)
        turns = {side: [] for side in clones}
        for _ in range(options.rounds):
            for side, clone in clones.items():
                turns[side].append(rows(clone, folder, options.network, options.hundred))
    head = ["row", *(f"{side}, {what}" for side in clones for what in ("wall s", "CPU s", "MiB"))]
    lines, records = [], []
    for row in turns["this"][0]:
        costs = {side: medians(taken, row) for side, taken in turns.items()}
        cells = [
            f"{c.wall:.1f} {c.cpu:.1f} {c.memory:.0f}".split() if c else ["-"] * 3
            for c in costs.values()
        ]
        lines.append([row, *(cell for side in cells for cell in side)])
        records.append({"row": row, **{side: c and c._asdict() for side, c in costs.items()}})
    print(table(head, lines))
    write_json(options.output, {"results": records})


if __name__ == "__main__":
    main()
