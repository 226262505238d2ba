"""Trains the same start on the same pictures in float32 and in bfloat16, and compares the losses.

    python -m benchmarks.precision

Makes 500 updates, in all three phases, of the full-width network on the bundled photographs. On a
CPU choose a small one: --width 16 --size 64 --batch 8.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

from benchmarks import floors
from benchmarks.race import table, write_json
from configs import quickstart
from glcic_jax.main import run
from glcic_jax.runtime.command_line import command_parser
from glcic_jax.runtime.run_folder import read_records

NAMES = ("loss/mse", "loss/discriminator", "loss/adversarial")


def losses(dtype: str, options: argparse.Namespace, workdir: Path) -> list[dict]:
    """Trains, and returns the record of every update."""
    config = quickstart.get_config("paper")
    config.width, config.local_patch, config.dtype = options.width, options.size // 2, dtype
    config.data.update(crop=options.size, batch_size=options.batch)
    config.data.resize = (options.size, options.size * 3 // 2)
    config.holes.update(shortest=options.size // 4, longest=options.size // 3)
    steps = options.steps
    config.phases.update(completion=steps * 3 // 5, discriminator=steps // 10)
    config.phases.joint = steps - config.phases.completion - config.phases.discriminator
    config.every.update(log=1, images=steps, evaluate=steps, checkpoint=steps)
    run(config, workdir)
    return [record for record in read_records(workdir) if record["kind"] == "train"]


def main() -> None:
    """Prints means over tenths of the run, and writes every loss."""
    parser = command_parser("benchmarks.precision", __doc__)
    parser.add_argument("--steps", type=int, default=500, help="updates; 500 by default")
    parser.add_argument(
        "--width", type=int, default=64, help="channels of the first layers; 64 by default"
    )
    parser.add_argument("--size", type=int, default=128, help="edge of the crops; 128 by default")
    parser.add_argument("--batch", type=int, default=16, help="pictures; 16 by default")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("runs/benchmarks/precision.json"),
        help="file of the results",
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        curves = {
            dtype: losses(dtype, options, Path(folder) / dtype) for dtype in ("float32", "bfloat16")
        }
    rows = []
    for tenth in np.array_split(np.arange(options.steps), 10):
        row = [f"{tenth[0] + 1} to {tenth[-1] + 1}"]
        for name in NAMES:
            means = []
            for curve in curves.values():
                values = [curve[step][name] for step in tenth if name in curve[step]]
                means.append(f"{np.mean(values):.4g}" if values else "-")
            row.append(" / ".join(means))
        rows.append(row)
    print(table(["updates", *(f"{name}, float32 / bfloat16" for name in NAMES)], rows))
    write_json(options.output, {"machine": floors.machine(), "losses": curves})


if __name__ == "__main__":
    main()
