r"""Measures latent search (Yeh et al. 2017): time and quality by the number of starts and steps.

python -m experiments.latent_search --checkpoint runs/dcgan_faces64 --data DIR \
    --output runs/latent_search

Completes the same pictures with every combination of --starts and --steps. Writes table.md (mean L1
in the hole, seconds per picture without the time to compile) and grid.png into the folder.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from glcic_jax.complete.completer import Completer
from glcic_jax.complete.load import load
from glcic_jax.complete.pairing import check_writable
from glcic_jax.evaluate.examples import Example, Examples
from glcic_jax.metrics import hole_l1
from glcic_jax.pictures.decode import write_picture
from glcic_jax.runtime.command_line import command_parser, exit_code
from glcic_jax.runtime.disk import write_whole
from glcic_jax.runtime.errors import UserError
from glcic_jax.train.report import draw_grid
from glcic_jax.types import PixelImage
from glcic_jax.weights.address import open_trained

STARTS = [1, 2, 4, 8, 16]
STEPS = [100, 300, 1_000, 1_500]
SHOWN = 8
"""Pictures in the grid."""


class Result(NamedTuple):
    """Holds the result of one combination.

    Attributes:
      l1: mean absolute error in the holes, of pixels in [0, 1].
      seconds: median time per picture.
      completed: the pictures, uint8 RGB [h, w, 3].
    """

    l1: float
    seconds: float
    completed: list[PixelImage]


def measure(completer: Completer, examples: Sequence[Example], batch_size: int) -> Result:
    """Completes all examples.

    Args:
      completer: a new one, so that its first batch, and only that one, takes time to compile.
      examples: pictures of one size, at least two full batches.
      batch_size: pictures completed at a time.
    """
    completed, seconds = [], []
    for start in range(0, len(examples), batch_size):
        batch = examples[start : start + batch_size]
        clock = time.perf_counter()
        completed += completer.batch([e.image for e in batch], [e.mask for e in batch])
        seconds.append((time.perf_counter() - clock) / batch_size)
    ours, truth = (np.stack(p) / 255 for p in (completed, [e.image for e in examples]))
    holes = np.stack([e.mask for e in examples])[..., None]
    return Result(
        float(hole_l1(ours, truth, holes).mean()), float(np.median(seconds[1:])), completed
    )


def table(results: dict[tuple[int, int], Result]) -> str:
    """Returns one row per number of steps, two columns per number of starts, as Markdown."""
    starts, steps = (sorted({key[axis] for key in results}) for axis in (0, 1))
    lines = [
        f"| steps | {' | '.join(f'L1, {n} starts | s per picture' for n in starts)} |",
        f"|---:|{'---:|---:|' * len(starts)}",
    ]
    for count in steps:
        found = [results[n, count] for n in starts]
        lines.append(f"| {count} | {' | '.join(f'{r.l1:.4f} | {r.seconds:.3g}' for r in found)} |")
    return "\n".join(lines) + "\n"


def grid(examples: Sequence[Example], results: dict[tuple[int, int], Result]) -> PixelImage:
    """Draws the first pictures, completed with the most steps from each number of starts."""
    most = max(steps for _, steps in results)
    white = np.uint8(255)
    columns = {"input": [np.where(e.mask[..., None] > 0, white, e.image) for e in examples]}
    for (starts, steps), result in results.items():
        if steps == most:
            columns[f"{starts} starts"] = result.completed
    columns["truth"] = [e.image for e in examples]
    rows = list(zip(*columns.values(), strict=True))
    return draw_grid(rows[:SHOWN], list(columns))


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Reads the command line; argparse itself refuses unknown flags with exit code 2."""
    parser = command_parser("experiments.latent_search", __doc__)
    parser.add_argument(
        "--checkpoint", required=True, help="run folder of a dcgan_completion network"
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of pictures")
    parser.add_argument(
        "--masks", default="center", help="folder of masks, or a kind of hole; center by default"
    )
    parser.add_argument("--output", type=Path, required=True, help="folder to write to")
    parser.add_argument(
        "--starts",
        type=int,
        nargs="+",
        default=STARTS,
        help=f"numbers of places to search from; {' '.join(map(str, STARTS))} by default",
    )
    parser.add_argument(
        "--steps",
        type=int,
        nargs="+",
        default=STEPS,
        help=f"numbers of steps of the search; {' '.join(map(str, STEPS))} by default",
    )
    parser.add_argument(
        "--count", type=int, default=32, help="use the first pictures only, 32 by default"
    )
    parser.add_argument(
        "--batch_size", type=int, default=8, help="pictures at a time; 8 by default"
    )
    return parser.parse_args(argv)


def run(args: argparse.Namespace) -> None:
    """Measures and writes what was asked for.

    Raises:
      UserError: a network that does not search, too few pictures, or a folder that cannot be
        written.
    """
    # Check, and read the pictures.
    if args.batch_size < 1 or args.count < 2 * args.batch_size:
        raise UserError(f"--count {args.count}: give two batches of --batch_size at least")
    check_writable(args.output, folder=True)
    if "latent_steps" not in open_trained(args.checkpoint).settings:
        raise UserError(f"{args.checkpoint}: it does not search: give a dcgan_completion network")
    size = load(args.checkpoint, latent_steps=min(args.steps), starts=min(args.starts)).size
    source = Examples(args.data, args.masks, size=size)
    count = min(args.count, len(source)) // args.batch_size * args.batch_size
    if count < 2 * args.batch_size:
        raise UserError(f"--data {args.data}: {len(source)} pictures are too few for two batches")
    examples = [source[index] for index in range(count)]
    # Measure every combination.
    results = {}
    keys = [(starts, steps) for steps in args.steps for starts in args.starts]
    for starts, steps in tqdm(keys, unit="combination"):
        completer = load(args.checkpoint, latent_steps=steps, starts=starts)
        results[starts, steps] = measure(completer, examples, args.batch_size)
    # Write.
    try:
        args.output.mkdir(parents=True, exist_ok=True)
        write_whole(args.output / "table.md", table(results))
        write_picture(args.output / "grid.png", grid(examples, results))
    except OSError as error:
        raise UserError(f"{args.output}: cannot write there: {error.strerror}") from error
    print(f"{table(results)}pictures: {args.output / 'grid.png'}")


def main(argv: list[str] | None = None) -> int:
    """Runs the command and returns its exit code: 2 for a user's mistake, reported in one line."""
    return exit_code(lambda: run(parse(argv)))


if __name__ == "__main__":
    sys.exit(main())
