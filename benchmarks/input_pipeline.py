"""Times reading and preparing pictures, beside a PyTorch DataLoader that does the same.

    python -m benchmarks.input_pipeline --root DIR

DIR holds JPEGs; without it, 256 photographs of 512 x 512 are made from the bundled ones. Both sides
may use all cores; ours reads the files, and the same pictures out of prepared shards. The last
lines give the pictures a second that a training step takes in, if
`runs/benchmarks/train_step.json` holds such measurements.
"""

import json
import os
import tempfile
from pathlib import Path

import cv2
import numpy as np

from benchmarks import floors
from benchmarks.race import Side, in_json, race, race_parser, table, write_json
from glcic_jax.prepare import __main__ as prepare

STEP_RESULTS = Path("runs/benchmarks/train_step.json")
"""Results of benchmarks.train_step."""


def make_pictures(folder: Path, count: int = 256, edge: int = 512) -> None:
    """Writes crops of bundled photographs, as JPEGs of Places2's size and usual quality."""
    from skimage import data

    photographs = [data.astronaut(), data.chelsea(), data.coffee()]
    rng = np.random.default_rng(0)
    for index in range(count):
        photograph = photographs[index % len(photographs)]
        scale = edge / min(photograph.shape[:2]) * rng.uniform(1, 1.5)
        large = cv2.resize(photograph, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        top, left = (rng.integers(0, n - edge + 1) for n in large.shape[:2])
        crop = large[top : top + edge, left : left + edge, ::-1]
        cv2.imwrite(str(folder / f"{index:04d}.jpg"), crop, [cv2.IMWRITE_JPEG_QUALITY, 90])


def measure(
    root: str, prepared: str, size: int, count: int, rounds: int
) -> tuple[list[list[str]], dict]:
    """Returns the rows of the table, and the results as JSON."""
    cores = os.cpu_count() or 1
    work = {"root": root, "size": size, "count": count}
    shards = work | {"root": prepared, "threads": cores, "source": "shards"}
    sides = [
        Side("ours", "ours_input", work | {"threads": cores, "source": "folder"}),
        Side("ours, from shards", "ours_input", shards),
    ]
    for decoder in ("Pillow", "OpenCV"):
        arguments = work | {"workers": cores, "decoder": decoder}
        sides.append(Side(f"DataLoader, {decoder}", "torch_input", arguments))
    results = race(sides, rounds)
    rows = []
    ours = results["ours"].seconds
    for name, result in results.items():
        if result.seconds is None:
            rows.append([name, result.note, "-", "-"])
            continue
        rate = count / result.seconds
        compared = f"{result.seconds / ours:.2f}" if ours else "-"
        rows.append([name, f"{rate:.0f}", f"{rate / cores:.0f}", compared])
    return rows, in_json(results)


def main() -> None:
    """Runs the race and prints the table."""
    parser = race_parser("input_pipeline", __doc__, rounds=7)
    parser.add_argument("--root", help="folder of JPEGs")
    parser.add_argument("--size", type=int, default=256, help="edge of the crops; 256 by default")
    parser.add_argument("--batch", type=int, default=96, help="pictures; 96 by default")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root, prepared = options.root or f"{folder}/pictures", f"{folder}/prepared"
        if not options.root:
            Path(root).mkdir()
            make_pictures(Path(root))
        largest = options.size * 3 // 2  # that the examples are resized to
        command = ["--source", root, "--output", prepared, "--size", str(largest)]
        if code := prepare.main(command):
            raise SystemExit(code)
        rows, records = measure(root, prepared, options.size, options.batch, options.rounds)
    print(table(["side", "images/s", "images/s per core", "time / ours"], rows))
    for line in needed_rates(STEP_RESULTS):
        print(line)
    write_json(options.output, {"machine": floors.machine(), "results": records})


def needed_rates(path: Path) -> list[str]:
    """Returns a line for each measured step: the pictures per second that it takes in."""
    if not path.exists():
        return []
    content = json.loads(path.read_text())
    lines = []
    for record in content["results"]:
        size, count, phase, dtype = record["cell"]
        seconds = record["static"]["seconds"]
        if seconds:
            rate = f"{count / seconds:.1f} images/s"
            device = content["machine"]["device"]
            lines.append(f"a step of {size} x {size}, {phase}, {dtype}, on {device}: {rate}")
    return lines


if __name__ == "__main__":
    main()
