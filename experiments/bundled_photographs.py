"""Completes the four bundled photographs by several methods: the picture at the top of README.

python -m experiments.bundled_photographs docs/pretrained.jpg --methods pretrained pypatchmatch

The photographs are those of `data.source = "scikit_image"`, the square in the middle of each. Each
has two boxes whose size and place are drawn with its number as the seed; none is chosen by hand.
Methods are named as `evaluate` takes them.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from glcic_jax.data.sources import scikit_image
from glcic_jax.evaluate.rivals import rivals
from glcic_jax.masks.shapes import boxes
from glcic_jax.pictures.decode import write_picture
from glcic_jax.pictures.resize import middle_square
from glcic_jax.runtime.command_line import command_parser, exit_code
from glcic_jax.runtime.devices import make_mesh
from glcic_jax.train.report import draw_grid

EDGE = 256
"""Height and width of the square from the middle of a photograph, scaled to it, pixels."""

BOXES = {"fewest": 2, "most": 2, "shortest": 48, "longest": 80}


def run(args: argparse.Namespace) -> None:
    """Completes the photographs and writes the grid.

    Raises:
      UserError: an unknown method, or a picture that cannot be written.
    """
    methods = rivals(args.methods, make_mesh(), timeout=60)
    whole = scikit_image(held_out=0.0).train
    photographs = np.stack([middle_square(whole[i], EDGE) for i in range(len(whole))])
    masks = np.stack([
        boxes(np.random.default_rng(i), EDGE, EDGE, **BOXES) for i in range(len(whole))
    ])  # fmt: skip
    images, holes = photographs.astype(np.float32) / 255, masks.astype(np.float32)
    columns = [np.where(masks > 0, np.uint8(255), photographs)]
    columns += [
        np.rint(255 * method.complete(images, holes)).astype(np.uint8) for method in methods
    ]
    titles = ["to be filled", *(method.label for method in methods), "photograph"]
    rows = list(zip(*columns, photographs, strict=True))
    args.picture.parent.mkdir(parents=True, exist_ok=True)
    write_picture(args.picture, draw_grid(rows, titles))
    print(f"written: {args.picture}")


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Reads the command line; argparse itself refuses what it does not know with exit code 2."""
    parser = command_parser("experiments.bundled_photographs", __doc__)
    parser.add_argument("picture", type=Path, metavar="PICTURE", help="the file to write")
    parser.add_argument(
        "--methods",
        nargs="+",
        metavar="METHOD",
        default=["pretrained", "pretrained+texture"],
        help="columns, as evaluate takes rows; pretrained and pretrained+texture by default",
    )
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Runs the command and returns its exit code: 2 for a user's mistake, reported in one line."""
    return exit_code(lambda: run(parse(argv)))


if __name__ == "__main__":
    sys.exit(main())
