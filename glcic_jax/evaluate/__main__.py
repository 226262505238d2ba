r"""Compares methods on the same pictures with the same holes, or two reports with each other.

python -m glcic_jax.evaluate --methods runs/a runs/b+postprocess telea laplace \
    --data DIR --masks box --output report
python -m glcic_jax.evaluate --methods A=runs/a "cmd:tool {image} {mask} {output}" \
    --data DIR --masks MASKS --output report
python -m glcic_jax.evaluate --compare report_a report_b
python -m glcic_jax.evaluate --compare report report --methods "runs/a/*" "runs/b/*"

A method is a run folder, converted weights, pretrained, mean, telea, navier_stokes, laplace,
biharmonic, patchmatch, pypatchmatch, or any program. --masks is a folder or a kind of hole. Behind
a folder, "@5000" or "@best" chooses a checkpoint and ":starts=4,latent_steps=300" how to complete.
"+postprocess" behind a method blends its result into its surroundings, "+postprocess=paper" as
GLCIC's paper does; "+texture" copies texture by it; "NAME=" before it names its row. Open
index.html in the report; docs/evaluation.md defines every number in it.
"""

import argparse
import sys
from pathlib import Path

from glcic_jax.runtime.command_line import command_parser, exit_code
from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.process import keep_freed_memory

LARGEST_SIZE = 16_384
"""Pixels of the edge to which pictures are scaled. One so large takes 800 MB before any method."""


def make_parser() -> argparse.ArgumentParser:
    """Describes the flags of the command."""
    parser = command_parser("glcic_jax.evaluate", __doc__)
    parser.add_argument("--methods", nargs="+", metavar="METHOD", help="rows of the table")
    parser.add_argument(
        "--data",
        type=Path,
        help="folder of pictures, with the folders in it; or of shards: their held-out part",
    )
    parser.add_argument("--masks", help="folder of masks, white = fill, or a kind of hole to draw")
    parser.add_argument(
        "--by_order",
        action="store_true",
        help="pair pictures and masks of a folder in order, not by their names",
    )
    parser.add_argument("--output", type=Path, help="folder of the report")
    parser.add_argument("--size", type=int, help="scale and crop the pictures to SIZE x SIZE")
    parser.add_argument(
        "--seed", type=int, default=0, help="seed of the holes that are drawn; 0 by default"
    )
    parser.add_argument(
        "--batch_size", type=int, default=8, help="pictures at a time; 8 by default"
    )
    parser.add_argument(
        "--skip",
        nargs="+",
        default=[],
        metavar="METRIC",
        help="metrics to leave out: lpips, st_lpips, efflite0, inception",
    )
    parser.add_argument(
        "--inception",
        type=Path,
        metavar="FILE",
        help="weights of FID's network, for FID, KID, P-IDS and U-IDS",
    )
    parser.add_argument(
        "--feature_cache",
        type=Path,
        metavar="DIR",
        help="folder that keeps the pictures' features for the next evaluation",
    )
    parser.add_argument(
        "--shown", type=int, default=24, help="rows of pictures in the report; 24 by default"
    )
    parser.add_argument(
        "--timeout",
        type=float,
        default=600,
        help="seconds that a cmd: may take for a picture; 600 by default",
    )
    parser.add_argument(
        "--compare",
        nargs=2,
        type=Path,
        metavar="REPORT",
        help="print the paired differences of two reports, the first minus the second; --methods "
        "takes a row of each, or one name for both; a pattern stands for rows that differ in seeds",
    )
    return parser


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Reads the command line; argparse itself refuses unknown flags with exit code 2."""
    return make_parser().parse_args(argv)


def check(args: argparse.Namespace) -> None:
    """Refuses flags that do not make a command together.

    Raises:
      UserError: a flag is missing, or a number is out of its range.
    """
    if args.compare:
        if args.data or args.masks or args.output:
            raise UserError("--compare reads two reports: leave --data, --masks, --output out")
        if args.methods and len(args.methods) > 2:
            raise UserError(
                "--compare takes two --methods: a row of the first report, one of the second; one "
                "name stands for both"
            )
        return
    lacking = [n for n in ("methods", "data", "masks", "output") if not getattr(args, n)]
    if lacking:
        raise UserError(f"--{lacking[0]} is missing; --help shows an example")
    for name, least in {"size": 8, "seed": 0, "batch_size": 1, "shown": 0}.items():
        value = getattr(args, name)
        if value is not None and value < least:
            raise UserError(f"--{name} {value}: give at least {least}")
    if args.size is not None and args.size > LARGEST_SIZE:
        raise UserError(f"--size {args.size}: give at most {LARGEST_SIZE:,}")
    if args.feature_cache and args.feature_cache.is_file():
        raise UserError(f"--feature_cache {args.feature_cache}: is a file; give a folder")
    if not args.timeout > 0:
        raise UserError(f"--timeout {args.timeout:g}: give seconds above 0")


def run(args: argparse.Namespace) -> None:
    """Does what the command line asks for.

    Raises:
      UserError: the command makes no sense, or cannot be done.
    """
    check(args)
    if args.compare:
        from glcic_jax.evaluate.comparison import compare

        first, second = args.compare
        print(compare(first, second, args.methods))
        return
    from glcic_jax.evaluate.examples import Examples  # only now: --help needs no JAX
    from glcic_jax.evaluate.report import check_output
    from glcic_jax.evaluate.run import run_evaluation

    check_output(args.output)
    examples = Examples(
        args.data, args.masks, size=args.size, seed=args.seed, by_order=args.by_order
    )
    print(run_evaluation(args, examples))
    print(f"report: {args.output / 'index.html'}")


def main(argv: list[str] | None = None) -> int:
    """Runs the command and returns its exit code: 2 for a user's mistake, reported in one line."""
    keep_freed_memory()
    return exit_code(lambda: run(parse(argv)))


if __name__ == "__main__":
    sys.exit(main())
