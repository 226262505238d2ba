r"""Measures click to select on things that were outlined by hand.

python -m experiments.click_to_select --photographs data/ccby/test
python -m experiments.click_to_select --photographs data/ccby/test --clicks 5
python -m experiments.click_to_select --each

The first click is where the thing is deepest; each other one where the selection's deepest error
is, inside or outside. experiments/outlined_things.json has the outlines, in pixels. Some of their
photographs come with scikit-image; the others (NIPS 2017, CC BY 2.0) are files of the folder
--photographs, and are left out if it is not given.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Bool

from glcic_jax.masks.merit import depths
from glcic_jax.masks.select import Mark, select
from glcic_jax.pictures.decode import decode
from glcic_jax.runtime.command_line import command_parser, exit_code, print_result
from glcic_jax.runtime.errors import UserError

OUTLINES = Path(__file__).parent / "outlined_things.json"

GOOD = 0.8
"""Intersection over union from which on a selection counts as good."""

Area = Bool[np.ndarray, "h w"]


def filled(outline: list[list[int]], shape: tuple[int, ...]) -> Area:
    """Returns the pixels within an outline, and those under it."""
    drawn = np.zeros(shape[:2], np.uint8)
    cv2.fillPoly(drawn, [np.array(outline, np.int32)], 1)
    return drawn > 0


def deepest(area: Area) -> tuple[Mark, float]:
    """Returns a click at an area's deepest pixel, inside, and how deep that is."""
    depth = depths(area)
    row, column = np.unravel_index(int(depth.argmax()), depth.shape)
    return Mark(True, ((float(column), float(row)),)), float(depth.max())


def correction(truth: Area, found: Area) -> Mark:
    """Returns the click that a person would add: where the selection errs most."""
    missed, missed_depth = deepest(truth & ~found)
    wrong, wrong_depth = deepest(found & ~truth)
    return missed if missed_depth >= wrong_depth else wrong._replace(inside=False)


def overlaps(image: np.ndarray, truth: Area, clicks: int) -> list[float]:
    """Returns the intersection over the union after each of so many clicks."""
    marks, results = [deepest(truth)[0]], []
    for _ in range(clicks):
        found = select(image, marks)
        results.append(np.count_nonzero(found & truth) / np.count_nonzero(found | truth))
        marks.append(correction(truth, found))
    return results


def run(args: argparse.Namespace) -> None:
    """Measures, and prints a table.

    Raises:
      UserError: a photograph is missing.
    """
    import skimage

    folders = {"skimage": Path(skimage.__file__).parent / "data", "ccby": args.photographs}
    things = [one for one in json.loads(OUTLINES.read_text()) if folders[one["of"]] is not None]
    if args.clicks < 1:
        raise UserError(f"--clicks {args.clicks}: give 1 or more")
    results, began = [], time.process_time()
    for one in things:
        image = decode(folders[one["of"]] / one["photograph"])
        results.append(overlaps(image, filled(one["outline"], image.shape), args.clicks))
        if args.each:
            numbers = " ".join(f"{value:.2f}" for value in results[-1])
            print(f"{one['photograph']:24} {one['thing']:18} {numbers}", flush=True)
    table = np.array(results)
    lines = ["| clicks | mean IoU | median | good |", "|---|---|---|---|"]
    for i, column in enumerate(table.T):
        good = int((column >= GOOD).sum())
        lines.append(f"| {i + 1} | {column.mean():.3f} | {np.median(column):.3f} | {good} |")
    seconds = (time.process_time() - began) / table.size
    print_result(
        "\n".join([*lines, f"{len(things)} things, {seconds:.2f} CPU seconds a selection"])
    )


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Reads the command line; argparse itself refuses what it does not know with exit code 2."""
    parser = command_parser("experiments.click_to_select", __doc__)
    parser.add_argument("--photographs", type=Path, metavar="DIR", help="folder of photographs")
    parser.add_argument("--clicks", type=int, default=3, help="3 by default")
    parser.add_argument("--each", action="store_true", help="print the numbers of each thing")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Runs the command and returns its exit code: 2 for a user's mistake, reported in one line."""
    return exit_code(lambda: run(parse(argv)))


if __name__ == "__main__":
    sys.exit(main())
