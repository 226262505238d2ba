r"""Measures the mean absolute error of whole pictures: a network's raw output, and completed ones.

python -m experiments.raw_error runs/pconv_cifar10

Takes the held-out pictures and holes that the run itself is scored on. Refuses methods whose
previews have no raw output.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from glcic_jax.data.pipeline import make_dataset
from glcic_jax.runtime.command_line import command_parser, exit_code
from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.run_folder import read_config
from glcic_jax.weights.address import open_trained

BATCH = 100
"""Pictures at a time."""

COLUMNS = ("raw output", "completed")
"""The previews that are measured."""


def errors(folder: Path) -> tuple[int, dict[str, float]]:
    """Measures a run.

    Returns:
      The number of pictures, and the mean absolute errors of pixels in [0, 1] by column.

    Raises:
      UserError: no run in the folder, or one whose method shows no raw output.
    """
    config: Any = ConfigDict(read_config(folder))
    trained = open_trained(folder)
    method, state = trained.completing()
    dataset = make_dataset(
        config, seed=config.seed, place=lambda batch: batch, mean_pixel=trained.mean_pixel
    )
    image, mask = (dataset.held_out[name] for name in ("image", "mask"))
    previews, sums = jax.jit(method.previews), dict.fromkeys(COLUMNS, 0.0)
    for start in range(0, len(image), BATCH):
        truth = image[start : start + BATCH].astype(np.float32) / 255
        hole = mask[start : start + BATCH].astype(np.float32)
        shown = previews(state, jnp.asarray(truth), jnp.asarray(hole), jax.random.key(0))
        if not set(COLUMNS) <= set(shown):
            raise UserError(f"{folder}: a {config.method} network shows no raw output")
        for name in COLUMNS:
            sums[name] += float(np.abs(np.asarray(shown[name]) - truth).sum(dtype=np.float64))
    return len(image), {name: total / image.size for name, total in sums.items()}


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Reads the command line; argparse itself refuses what it does not know with exit code 2."""
    parser = command_parser("experiments.raw_error", __doc__)
    parser.add_argument("run", type=Path, metavar="RUN", help="run folder")
    return parser.parse_args(argv)


def run(folder: Path) -> None:
    """Measures a run and prints its errors."""
    count, found = errors(folder)
    values = ", ".join(f"{name} {value:.4f}" for name, value in found.items())
    print(f"mean absolute error of {count:,} whole pictures: {values}")


def main(argv: list[str] | None = None) -> int:
    """Runs the command and returns its exit code: 2 for a user's mistake, reported in one line."""
    return exit_code(lambda: run(parse(argv).run))


if __name__ == "__main__":
    sys.exit(main())
