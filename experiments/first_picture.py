"""Completes a photograph with the network that ships: what one can expect, within seconds.

python -m experiments.first_picture runs/first_picture.png

The photograph is SpaceX's (CC0), from scikit-image. The two lightning masts beside the rocket are
marked for removal. The picture shows it as it was, with the mark, and completed.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from glcic_jax.complete.load import load
from glcic_jax.pictures.decode import write_picture
from glcic_jax.runtime.command_line import command_parser, exit_code
from glcic_jax.train.report import draw_grid
from glcic_jax.types import PixelImage

MASTS = (
    ((190, 112), (210, 112), (212, 368), (160, 368)),
    ((437, 112), (457, 112), (478, 368), (434, 368)),
)
"""Corners (x, y) of what is removed, pixels."""


def photograph_and_mask() -> tuple[PixelImage, np.ndarray]:
    """Returns the photograph, uint8 RGB [h, w, 3], and its mask, uint8 [h, w], 1 = hole."""
    import cv2
    from skimage import data

    photograph: PixelImage = np.asarray(data.rocket())
    mask = np.zeros(photograph.shape[:2], np.uint8)
    for corners in MASTS:
        cv2.fillPoly(mask, [np.array(corners, np.int32)], 1)
    return photograph, mask


def run(path: Path) -> None:
    """Completes the photograph and writes the picture to `path`."""
    photograph, mask = photograph_and_mask()
    completed = load()(photograph, mask)
    marked = np.where(mask[..., None] > 0, np.uint8(255), photograph)
    path.parent.mkdir(parents=True, exist_ok=True)
    names = ["photograph", "marked for removal", "completed"]
    write_picture(path, draw_grid([[photograph, marked, completed]], names))
    print(f"a photograph, completed by the network that ships: {path}")


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Reads the command line; argparse itself refuses what it does not know with exit code 2."""
    parser = command_parser("experiments.first_picture", __doc__)
    parser.add_argument("picture", type=Path, metavar="PICTURE", help="the .png file to write")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Runs the command and returns its exit code: 2 for a user's mistake, reported in one line."""
    return exit_code(lambda: run(parse(argv).picture))


if __name__ == "__main__":
    sys.exit(main())
