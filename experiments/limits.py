r"""Measures limits (Iizuka et al. 2017, section 4.8): large holes, far from their edge, at borders.

python -m experiments.limits --checkpoint runs/places2 --data DIR --output runs/limits

Every picture gets a square hole of each size twice: with known pixels all around it, and moved
straight to one of the picture's edges. Writes table.md (error by size), distances.csv (error by
distance from the nearest known pixel), grid.png, and index.html with the curves and all of it.
"""

import argparse
import csv
import io
import sys
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8
from tqdm import tqdm

from glcic_jax.complete.completer import Completer
from glcic_jax.complete.load import load
from glcic_jax.complete.pairing import check_writable
from glcic_jax.metrics import hole_l1, hole_psnr
from glcic_jax.pictures.decode import decode, write_picture
from glcic_jax.pictures.resize import middle_square
from glcic_jax.pictures.storage import pictures_below
from glcic_jax.runtime.command_line import command_parser, exit_code
from glcic_jax.runtime.disk import write_whole
from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.html import html_page
from glcic_jax.train.chart import chart
from glcic_jax.train.report import draw_grid

PLACES = ("inside", "at the border")
HOLES = [32, 64, 96, 128, 200]
"""Edges of the square holes, in pixels, for pictures of 256."""

BIN = 8
"""Pixels of distance that a point of the curves stands for."""

ROWS = 4
"""Pictures in the grid, each with two rows."""

STYLE = "<style>body { font-family: sans-serif; max-width: 60em; margin: auto }</style>"


def two_holes(
    rng: np.random.Generator, size: int, hole: int
) -> tuple[UInt8[np.ndarray, "h w"], UInt8[np.ndarray, "h w"]]:
    """Draws a square hole with known pixels all around it, and moves it to the nearest edge.

    Args:
      rng: the only source of chance.
      size: edge of the picture, pixels.
      hole: edge of the hole, at most size - 2.

    Returns:
      Two masks, 1 = hole: the hole inside the picture, and the same one at its border.
    """
    masks = np.zeros((2, size, size), np.uint8)
    corner = rng.integers(1, size - hole, size=2)
    masks[0, corner[0] : corner[0] + hole, corner[1] : corner[1] + hole] = 1
    axis = rng.integers(2)
    corner[axis] = 0 if 2 * corner[axis] + hole < size else size - hole
    masks[1, corner[0] : corner[0] + hole, corner[1] : corner[1] + hole] = 1
    return masks[0], masks[1]


class Errors:
    """Adds up errors by picture, and by distance from the nearest known pixel.

    Args:
      size: edge of the pictures, pixels; no distance is larger.

    Attributes:
      scores: L1 and PSNR of each picture.
    """

    def __init__(self, size: int) -> None:
        self.scores: list[tuple[float, float]] = []
        self._sums, self._pixels = np.zeros((2, -(-size // BIN)))

    def add(
        self,
        completed: UInt8[np.ndarray, "h w 3"],
        image: UInt8[np.ndarray, "h w 3"],
        mask: UInt8[np.ndarray, "h w"],
    ) -> None:
        """Adds one completed picture."""
        a, b, hole = completed[None] / 255, image[None] / 255, mask[None, ..., None]
        self.scores.append((float(hole_l1(a, b, hole)[0]), float(hole_psnr(a, b, hole)[0])))
        distance = cv2.distanceTransform(mask, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[mask > 0]
        error = np.abs(a - b)[0].mean(axis=-1)[mask > 0]
        bins = (np.ceil(distance).astype(int) - 1) // BIN
        self._sums += np.bincount(bins, error, len(self._sums))
        self._pixels += np.bincount(bins, minlength=len(self._pixels))

    @property
    def l1(self) -> Float[np.ndarray, "n"]:
        """Returns the mean absolute error of all pixels in each bin of distance; NaN if none."""
        with np.errstate(invalid="ignore"):
            return self._sums / self._pixels


Results = dict[tuple[int, str], Errors]
"""Errors by the hole's edge and its place."""


def measure(
    completer: Completer, folder: Path, size: int, holes: list[int]
) -> tuple[Results, np.ndarray]:
    """Completes every picture with every hole.

    Returns:
      The errors, and a grid of the first pictures, uint8 RGB.

    Raises:
      UserError: no pictures, or one that cannot be read.
    """
    names = pictures_below(folder, f"--data {folder}")
    keys = [(hole, place) for hole in holes for place in PLACES]
    results: Results = {key: Errors(size) for key in keys}
    rows = []
    for index, name in enumerate(tqdm(names, unit="picture")):
        image = middle_square(decode(folder / name), size)
        rng = np.random.default_rng(index)
        masks = [mask for hole in holes for mask in two_holes(rng, size, hole)]
        completed = completer.batch([image] * len(masks), masks)
        for key, filled, mask in zip(keys, completed, masks, strict=True):
            results[key].add(filled, image, mask)
        if len(rows) < 2 * ROWS:
            rows.append([np.where(m[..., None] > 0, np.uint8(255), image) for m in masks])
            rows.append(completed)
    return results, draw_grid(rows, [f"{hole} {place}" for hole, place in keys])


def table(results: Results) -> str:
    """Returns means over the pictures, by size and place of the hole, as Markdown."""
    lines = [
        f"| hole, pixels | {' | '.join(f'L1 {p} | PSNR {p}' for p in PLACES)} |",
        "|---:|---:|---:|---:|---:|",
    ]
    for hole in sorted({hole for hole, _ in results}):
        means = [np.mean(results[hole, place].scores, axis=0) for place in PLACES]
        lines.append(f"| {hole} | {' | '.join(f'{l1:.4f} | {p:.2f}' for l1, p in means)} |")
    return "\n".join(lines) + "\n"


def curves(results: Results, place: str) -> dict[str, list[tuple[int, float]]]:
    """Returns points (largest distance of a bin in pixels, L1), by size of the hole."""
    return {
        str(hole): [
            (BIN * (index + 1), float(value))
            for index, value in enumerate(errors.l1)
            if np.isfinite(value)
        ]
        for (hole, where), errors in results.items()
        if where == place
    }


def write_report(output: Path, results: Results, grid: np.ndarray) -> None:
    """Writes the four files that the command promises."""
    distances = io.StringIO()
    rows = csv.writer(distances, lineterminator="\n")
    rows.writerow(["hole", "place", "distance up to", "l1"])
    charts = []
    for place in PLACES:
        by_hole = curves(results, place)
        heading = f"L1 by pixels from the nearest known one; holes {place}, by their edge"
        charts.append(chart(heading, by_hole, (), False))
        for hole, points in by_hole.items():
            rows.writerows([hole, place, *point] for point in points)
    text = table(results)
    write_whole(output / "table.md", text)
    write_whole(output / "distances.csv", distances.getvalue())
    write_picture(output / "grid.png", grid)
    link = "<a href='grid.png'><img src='grid.png' alt='completions' style='width: 100%'></a>"
    body = f"<pre>{text}</pre>{''.join(charts)}{link}"
    write_whole(output / "index.html", html_page("Limits", body, STYLE))


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Reads the command line; argparse itself refuses unknown flags with exit code 2."""
    parser = command_parser("experiments.limits", __doc__)
    parser.add_argument(
        "--checkpoint", type=Path, required=True, help="run folder, or converted weights"
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of pictures")
    parser.add_argument("--output", type=Path, required=True, help="folder to write to")
    parser.add_argument(
        "--size", type=int, default=256, help="edge of the pictures, pixels; 256 by default"
    )
    parser.add_argument(
        "--holes", type=int, nargs="+", default=HOLES, help="edges of the holes, pixels"
    )
    return parser.parse_args(argv)


def run(args: argparse.Namespace) -> None:
    """Measures and writes what was asked for.

    Raises:
      UserError: holes that do not fit, no checkpoint, no pictures, or a folder that cannot be
        written.
    """
    if not 1 <= min(args.holes) <= max(args.holes) <= args.size - 2:
        raise UserError(f"--holes: give 1 to {args.size - 2} pixels, for pictures of {args.size}")
    check_writable(args.output, folder=True)
    results, grid = measure(load(args.checkpoint), args.data, args.size, args.holes)
    try:
        args.output.mkdir(parents=True, exist_ok=True)
        write_report(args.output, results, grid)
    except OSError as error:
        raise UserError(f"{args.output}: cannot write there: {error.strerror}") from error
    print(f"{table(results)}curves and pictures: {args.output / 'index.html'}")


def main(argv: list[str] | None = None) -> int:
    """Runs the command and returns its exit code: 2 for a user's mistake, reported in one line."""
    return exit_code(lambda: run(parse(argv)))


if __name__ == "__main__":
    sys.exit(main())
