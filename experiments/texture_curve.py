r"""Measures mixtures of copied texture and its guide: the curve between sharp and near.

python -m experiments.texture_curve rows.csv --data DIR --size 256 --masks \
    experiments/masks/boxes_256_48_to_96.json experiments/masks/strokes_256_10_to_30.json
python -m experiments.texture_curve rows.csv --picture docs/texture_curve.png

The first command completes and scores every photograph; the second draws what it found. All
mixtures of a photograph lie on straight lines between its guide and what ships: one fill is enough.
"""

import argparse
import csv
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Bool

from experiments.curve_picture import draw
from glcic_jax.complete.thick_holes import guides_for
from glcic_jax.evaluate.examples import Example, Examples
from glcic_jax.evaluate.rivals import Rival, rivals
from glcic_jax.methods.procedural.fills import in_bytes
from glcic_jax.metrics import METRICS
from glcic_jax.metrics.perceptual import PERCEPTUAL, MissingError
from glcic_jax.pictures.decode import write_picture
from glcic_jax.runtime.command_line import command_parser, exit_code
from glcic_jax.runtime.devices import make_mesh
from glcic_jax.runtime.errors import UserError
from glcic_jax.texture.fill import fill
from glcic_jax.texture.mixing import SHARE
from glcic_jax.types import PixelImage

SHARES = (0.0, 0.15, 0.25, 0.3, 0.45, 0.6)
"""Parts of the guide where it is blurred."""

GUIDE, RIVAL = "pretrained", "pypatchmatch"

Rows = list[dict[str, str]]
"""For each set of masks, method and picture, its scores."""


def measure(args: argparse.Namespace) -> Rows:
    """Completes and scores all photographs.

    Raises:
      UserError: a picture or mask that cannot be used, or a metric whose package is missing.
    """
    mesh = make_mesh()
    try:
        perceptual = {name: load(mesh).function for name, load in PERCEPTUAL.items()}
    except MissingError as error:
        raise UserError(f"all metrics are needed: {error}") from error
    metrics = {name: METRICS[name] for name in ("hole_l1", "hole_psnr", "hole_ssim")} | perceptual
    methods = rivals([GUIDE, RIVAL], mesh, timeout=60)
    rows = []
    for masks in args.masks:
        examples = Examples(args.data, str(masks), size=args.size)
        for index in range(len(examples.names)):
            example = examples[index]
            truth = example.image[None].astype(np.float32) / 255
            hole = example.mask[None, ..., None].astype(np.float32)
            for method, picture in _completed(methods, example):
                shown = picture[None].astype(np.float32) / 255
                scores = {
                    name: repr(float(f(shown, truth, hole)[0])) for name, f in metrics.items()
                }
                row = {"masks": masks.stem, "method": method, "picture": example.name}
                rows.append(row | scores)
            print(f"{masks.stem}: {index + 1} of {len(examples.names)}")
    return rows


def _completed(methods: list[Rival], example: Example) -> Iterator[tuple[str, PixelImage]]:
    """Completes a photograph by the network, by its rival, and by every mixture."""
    hole = example.mask > 0
    image = np.where(hole[..., None], 0, example.image).astype(np.uint8)
    guide_of, other = (partial(_stacked, method) for method in methods)
    yield GUIDE, guide_of([image], [hole])[0]
    yield RIVAL, other([image], [hole])[0]
    (guide,) = guides_for([image], [hole], guide_of)
    shipped = fill(image, hole, guide).astype(np.float32)
    for share in SHARES:
        mixed = shipped + (share - SHARE) / (1 - SHARE) * (guide - shipped)
        yield f"{share:g}", np.rint(np.clip(mixed, 0, 255)).astype(np.uint8)


def _stacked(
    method: Rival, images: Sequence[PixelImage], holes: Sequence[Bool[np.ndarray, "h w"]]
) -> list[PixelImage]:
    return list(in_bytes(method.complete, np.stack(images), np.stack(holes)))


def run(args: argparse.Namespace) -> None:
    """Writes the rows, the picture, or both.

    Raises:
      UserError: nothing to do, no rows yet, or a file that cannot be written.
    """
    if args.data is None and args.picture is None:
        raise UserError("nothing to do: give --data and --masks to measure, --picture to draw")
    if (args.data is None) != (args.masks is None) or (args.size and args.data is None):
        raise UserError("--data and --masks go together, and --size with them")
    if args.data is not None:
        rows = measure(args)
        args.rows.parent.mkdir(parents=True, exist_ok=True)
        with args.rows.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    if args.picture is not None:
        if not args.rows.exists():
            raise UserError(f"{args.rows} does not exist: measure first, with --data and --masks")
        with args.rows.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        if not rows or not {"masks", "method", "hole_l1", "lpips", "st_lpips"} <= rows[0].keys():
            raise UserError(f"{args.rows} does not hold this command's scores")
        args.picture.parent.mkdir(parents=True, exist_ok=True)
        write_picture(args.picture, draw(rows))


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Reads the command line; argparse itself refuses what it does not know with exit code 2."""
    parser = command_parser("experiments.texture_curve", __doc__)
    parser.add_argument("rows", type=Path, metavar="ROWS", help="the .csv file of all scores")
    parser.add_argument("--data", type=Path, help="folder of photographs to measure on")
    parser.add_argument("--masks", nargs="+", type=Path, help="folders or recipes of masks")
    parser.add_argument("--size", type=int, help="scale and crop the photographs to SIZE x SIZE")
    parser.add_argument("--picture", type=Path, help="the .png file to draw")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Runs the command and returns its exit code: 2 for a user's mistake, reported in one line."""
    return exit_code(lambda: run(parse(argv)))


if __name__ == "__main__":
    sys.exit(main())
