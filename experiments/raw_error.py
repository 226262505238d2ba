r"""Mean absolute error over whole pictures: of a network's raw output, and of completed pictures.

python -m experiments.raw_error runs/pconv_cifar10

On the held-out pictures and holes that the run itself is scored on. Methods whose previews have no
raw output are refused.
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
from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.run_folder import read_config
from glcic_jax.weights.address import open_trained

BATCH = 100
COLUMNS = ("raw output", "completed")


def errors(run: Path) -> tuple[int, dict[str, float]]:
    """How many pictures were looked at, and the mean absolute errors in [0, 1] by name.

    Raises:
      UserError: no run in the folder, or one whose method shows no raw output.
    """
    config: Any = ConfigDict(read_config(run))
    trained = open_trained(run)
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
            raise UserError(f"{run}: a {config.method} network shows no raw output")
        for name in COLUMNS:
            sums[name] += float(np.abs(np.asarray(shown[name]) - truth).sum(dtype=np.float64))
    return len(image), {name: total / image.size for name, total in sums.items()}


def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns its exit code: 2 for a mistake of the user's, told in one line."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.raw_error",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", type=Path, help="run folder")
    try:
        count, found = errors(parser.parse_args(argv).run)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    told = ", ".join(f"{name} {value:.4f}" for name, value in found.items())
    print(f"mean absolute error of {count:,} whole pictures: {told}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
