r"""Prepares a collection of pictures for training: shards of scaled pictures, and an index.

python -m glcic_jax.prepare --source DIR --output prepared/mine --size 384
python -m glcic_jax.prepare --source DIR --output prepared/faces --size 128 --align
python -m glcic_jax.prepare --verify prepared/mine
python -m glcic_jax.main --config configs/places2.py --workdir runs/mine \
    --config.data.source=shards --config.data.root=prepared/mine

If it is interrupted, the same command continues. report.json in the output lists the pictures that
were left out.
"""

import argparse
import os
import shlex
import sys
from functools import partial
from pathlib import Path

import numpy as np

from glcic_jax.data.shards import Part, verify
from glcic_jax.prepare.faces import align, centre_square
from glcic_jax.prepare.layouts import LAYOUTS
from glcic_jax.prepare.plan import make_plan
from glcic_jax.prepare.run import REPORT, Tally, prepare
from glcic_jax.prepare.shard_writer import Transform
from glcic_jax.runtime.command_line import command_parser, exit_code
from glcic_jax.runtime.errors import UserError

RUNNERS = ("direct", "flink", "spark", "dataflow")


def make_parser() -> argparse.ArgumentParser:
    """Describes the flags of the command."""
    parser = command_parser("glcic_jax.prepare", __doc__)
    add = parser.add_argument
    add("--source", help="folder of the pictures, or gs://, s3:// (an extra)")
    add(
        "--layout",
        choices=LAYOUTS,
        default="folder",
        help="the data set that --source is; folder by default: any pictures",
    )
    add("--output", type=Path, help="folder for the shards; must be new, or its own")
    add(
        "--size",
        type=int,
        default=384,
        help="largest shortest edge, pixels; never enlarged; 384 by default",
    )
    add(
        "--min_edge",
        type=int,
        default=16,
        help="smaller pictures are left out, pixels; 16 by default",
    )
    square = parser.add_mutually_exclusive_group()
    square.add_argument(
        "--align", action="store_true", help="align faces and cut squares (an extra)"
    )
    square.add_argument("--square", action="store_true", help="cut squares from the middle")
    add(
        "--split",
        type=float,
        default=0.99,
        help="share to train on, if the layout has no split; 0.99 by default",
    )
    add(
        "--shards",
        type=int,
        help="to train on; by default 1 for every 256 pictures, up to 32, or 1 for every 16,384 if "
        "these are more",
    )
    add("--workers", type=int, default=os.cpu_count(), help="processes; all cores by default")
    add(
        "--max_bad",
        type=float,
        default=0.01,
        help="share of unusable pictures that is accepted; 0.01 by default",
    )
    add("--mean", action="store_true", help="print the mean pixel, which the index holds anyway")
    add("--runner", choices=RUNNERS, help="run on Apache Beam instead of --workers")
    add(
        "--runner_options",
        type=shlex.split,
        default=[],
        help="flags of Beam, such as '--flink_master=host:8081'",
    )
    add("--verify", type=Path, metavar="DIR", help="only check every byte of a prepared folder")
    return parser


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Reads the command line; argparse itself refuses unknown flags with exit code 2."""
    parser = make_parser()
    args = parser.parse_args(argv)
    if not args.verify and not (args.source and args.output):
        parser.error("--source and --output are needed")
    return args


def check(args: argparse.Namespace) -> None:
    """Refuses numbers that cannot work.

    Raises:
      UserError: a number is out of range; the message names the flag.
    """
    for name in ("size", "min_edge", "shards", "workers"):
        value = getattr(args, name)
        if value is not None and value < 1:
            raise UserError(f"--{name} {value}: at least 1")
    for name in ("split", "max_bad"):
        if not 0 <= getattr(args, name) <= 1:
            raise UserError(f"--{name} {getattr(args, name)}: a share from 0 to 1")
    if args.min_edge > args.size:
        raise UserError(f"--min_edge {args.min_edge}: larger than --size {args.size}")


def run(args: argparse.Namespace) -> None:
    """Prepares the pictures, or verifies a prepared folder."""
    if args.verify:
        index = verify(args.verify)
        shards = index.train + index.held_out
        records, size = sum(s.records for s in shards), sum(s.bytes for s in shards)
        print(f"{args.verify}: {records:,} pictures, {size:,} bytes, as the index lists")
        return
    check(args)

    # What is prepared, and how.
    faces = None
    if args.align:
        faces = "align"
    elif args.square:
        faces = "square"
    listing = partial(LAYOUTS[args.layout], args.source)
    settings = {
        "layout": args.layout,
        "size": args.size,
        "min_edge": args.min_edge,
        "split": args.split,
        "faces": faces,
    }
    transform = make_transform(args)
    plan = make_plan(listing, shards=args.shards, train_share=args.split)
    more = {"settings": settings, "transform": transform, "max_bad": args.max_bad}

    # Who does it: Beam, or processes on this machine.
    work = partial(prepare, plan, output=args.output, **more)
    if args.runner:
        from glcic_jax.prepare.on_beam import Beam

        beam = Beam(listing, plan, args.runner, args.runner_options)
        print_summary(args.output, work(beam), args.mean)
        return
    from glcic_jax.prepare.workers import start_workers

    with start_workers(listing, plan, args.workers, args.max_bad) as workers:
        tallies = work(workers)
    print_summary(args.output, tallies, args.mean)


def make_transform(args: argparse.Namespace) -> Transform | None:
    """Returns the function that --align or --square applies to a picture; None without them.

    Raises:
      UserError: the packages that --align needs are not installed.
    """
    if args.align:
        align(np.zeros((64, 64, 3), np.uint8), args.size)  # refuses before anything is listed
        return partial(align, size=args.size)
    return partial(centre_square, size=args.size) if args.square else None


def print_summary(output: Path, tallies: dict[Part, Tally], mean: bool) -> None:
    """Prints how many pictures were prepared, dropped and left out."""
    train, held_out = tallies["train"], tallies["held_out"]
    shards = train.shards + held_out.shards
    size = sum(shard.bytes for shard in shards) / 2**20
    records = f"{train.records():,} pictures to train on, {held_out.records():,} held out"
    print(f"{output}: {records}, {size:,.0f} MiB in {len(shards)} shards")
    if duplicates := len(train.duplicates):
        print(f"{duplicates:,} training pictures dropped: held out as well, see {REPORT}")
    if bad := len(train.left_out) + len(held_out.left_out):
        print(f"{bad:,} pictures left out as unusable, see {REPORT}")
    if no_face := len(train.passed_over) + len(held_out.passed_over):
        print(f"{no_face:,} pictures without a face left out, see {REPORT}")
    if mean:
        rgb = ", ".join(f"{value / train.records() / 255:.4f}" for value in train.mean)
        print(f"mean pixel ({rgb})")


def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    return exit_code(lambda: run(parse(argv)), stopped="stopped; the same command continues")


if __name__ == "__main__":
    sys.exit(main())
