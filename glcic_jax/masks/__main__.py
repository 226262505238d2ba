r"""Draws a fixed set of masks, so that an evaluation can be repeated anywhere.

python -m glcic_jax.masks --kind irregular --size 256 --count 1000 --seed 0 --output masks/irregular
python -m glcic_jax.masks --kind irregular --size 512x384 --count 100 --output masks/20_to_30 \
    --set smallest_share=0.2 --set largest_share=0.3
python -m glcic_jax.masks --kind box --size 128 --count 500 --output holes.json

White is the hole. --set changes an argument of the kind (docs/holes.md); those left out suit the
size. OUTPUT/manifest.json holds the kind, arguments, seed, size, and each mask's share and hash. An
OUTPUT that ends in .json is a recipe instead: glcic_jax.evaluate draws the same masks from it.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tqdm import tqdm

from glcic_jax.masks.kinds import HOLES, default_arguments, make_hole
from glcic_jax.masks.mask_set import MANIFEST, MaskSet, draw_masks, write_mask_set
from glcic_jax.masks.recipe import ENDING, write_recipe
from glcic_jax.runtime.command_line import command_parser, exit_code
from glcic_jax.runtime.errors import UserError


def make_parser() -> argparse.ArgumentParser:
    """Describes the flags of the command."""
    parser = command_parser("glcic_jax.masks", __doc__)
    parser.add_argument("--kind", choices=HOLES, required=True, help="kind of holes")
    parser.add_argument(
        "--size",
        type=_size,
        default=(256, 256),
        help="pixels, or WIDTHxHEIGHT; 256 by default",
    )
    parser.add_argument(
        "--count", type=_natural, default=1000, help="number of masks; 1000 by default"
    )
    parser.add_argument(
        "--seed", type=_natural, default=0, help="seed of the random numbers; 0 by default"
    )
    parser.add_argument("--output", type=Path, required=True, help="new or empty folder, or .json")
    parser.add_argument(
        "--set",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="change an argument of the kind",
    )
    return parser


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Reads the command line; argparse itself refuses unknown flags with exit code 2."""
    return make_parser().parse_args(argv)


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"([1-9]\d*)(?:x([1-9]\d*))?", text)
    if not match:
        raise argparse.ArgumentTypeError(f'"{text}" is not a size: write 256 or 512x384')
    return int(match[1]), int(match[2] or match[1])


def _natural(text: str) -> int:
    if not re.fullmatch(r"\d+", text):
        raise argparse.ArgumentTypeError(f'"{text}" is not a whole number')
    return int(text)


def with_settings(arguments: dict[str, Any], settings: Iterable[str]) -> dict[str, Any]:
    """Returns the arguments of a kind with some of them set anew.

    Args:
      arguments: arguments by name.
      settings: texts NAME=VALUE. Numbers, true and false are read as in JSON; all else is text.

    Raises:
      UserError: a setting without "=".
    """
    arguments = dict(arguments)
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals:
            raise UserError(f'--set "{setting}": write NAME=VALUE')
        try:
            arguments[name] = json.loads(value)
        except ValueError:
            arguments[name] = value
    return arguments


def run(args: argparse.Namespace) -> int:
    """Draws the set, unless the folder already holds it; returns the exit code."""
    width, height = args.size
    arguments = with_settings(default_arguments(args.kind, min(args.size)), args.set)
    if "kind" in arguments:
        raise UserError("--set kind: use --kind")
    hole = make_hole({"kind": args.kind, **arguments}, height, width, where=f"--kind {args.kind}")
    about = {
        "kind": args.kind,
        "arguments": arguments,
        "seed": args.seed,
        "width": width,
        "height": height,
    }
    if args.count < 1:
        raise UserError("--count is 0: draw at least one mask")
    if args.output.suffix == ENDING:
        digest = write_recipe(args.output, {**about, "count": args.count})
        print(f"{args.output} stands for {args.count} masks, hash of the set {digest}")
        return 0
    if holds(args.output, about, args.count):
        print(f"{args.output} holds these masks already")
        return 0
    masks = draw_masks(hole, seed=args.seed, count=args.count, height=height, width=width)
    with tqdm(masks, total=args.count, unit="mask") as progress:
        digest = write_mask_set(args.output, progress, about)
    print(f"{args.count} masks in {args.output}, hash of the set {digest}")
    return 0


def holds(folder: Path, about: dict[str, Any], count: int) -> bool:
    """Returns whether a folder holds exactly the described set, unchanged.

    Args:
      folder: the output; it may be missing or empty.
      about: the kind, arguments, seed, width and height of the set.
      count: the number of its masks.

    Raises:
      UserError: it holds something else, or a mask has changed.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return False
    if (folder / MANIFEST).exists():
        found = MaskSet(folder)
        if found.about == about and len(found) == count:
            for _ in found:
                pass  # reading verifies
            return True
    raise UserError(f"{folder} holds something else: choose another --output")


def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    return exit_code(lambda: run(parse(argv)))


if __name__ == "__main__":
    sys.exit(main())
