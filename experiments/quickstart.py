"""Shows what `make quickstart` has trained: a table of scores, and completed pictures.

python -m experiments.quickstart runs/quickstart

Scores the run on parts of the photographs that it never saw, with one box of 16 to 24 pixels each,
beside procedural fills and the network that ships. Writes held_out.png, comparison.png and a
completed photograph into RUN/completed.
"""

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from experiments.first_picture import photograph_and_mask
from glcic_jax.complete.completer import Completer
from glcic_jax.complete.load import load
from glcic_jax.data.pipeline import make_dataset
from glcic_jax.layers.smooth_fill import smooth_fill
from glcic_jax.methods.by_name import METHODS
from glcic_jax.methods.procedural.fills import mean_fill, telea
from glcic_jax.metrics import HELD_OUT
from glcic_jax.metrics.scoring import score
from glcic_jax.pictures.decode import write_picture
from glcic_jax.runtime.command_line import command_parser, exit_code
from glcic_jax.runtime.errors import UserError
from glcic_jax.train.report import draw_grid
from glcic_jax.types import phase_ends
from glcic_jax.weights.address import open_trained

ROWS = 6
"""Held-out pictures that are shown."""

SCORED_HOLES = {"kind": "box", "shortest": 16, "longest": 24}
"""The holes of the table, whatever the run was trained on, so that all its tables compare."""


def table(rows: dict[str, dict[str, float]]) -> str:
    """Returns the scores by method as text."""
    lines = [f"{'held-out holes':<36}{'L1':>8}{'PSNR':>8}{'SSIM':>8}"]
    for name, scores in rows.items():
        lines.append(f"{name:<36}{scores['l1']:>8.4f}{scores['psnr']:>8.2f}{scores['ssim']:>8.3f}")
    return "\n".join(lines)


def whole_photograph(completer: Completer, folder: Path) -> None:
    """Completes all of a photograph: photograph.png, mask.png, completed.png, comparison.png."""
    photograph, mask = photograph_and_mask()
    completed = completer(photograph, mask)
    blended = completer(photograph, mask, postprocess=True)
    shown = np.where(mask[..., None] > 0, np.uint8(255), photograph)
    names = ["photograph", "marked for removal", "completed", "completed and blended"]
    write_picture(folder / "photograph.png", photograph)
    write_picture(folder / "mask.png", mask[..., None].repeat(3, axis=2) * 255)
    write_picture(folder / "completed.png", completed)
    rows = [[photograph, shown], [completed, blended]]
    write_picture(
        folder / "comparison.png",
        np.vstack(
            [draw_grid([pictures], names[2 * i : 2 * i + 2]) for i, pictures in enumerate(rows)]
        ),
    )


def run(workdir: Path) -> None:
    """Scores and shows the run in `workdir`.

    Raises:
      UserError: there is no run, or it is not finished.
    """
    # Load the run at the end of each phase, and its rivals.
    trained = open_trained(workdir)
    if trained.run is None:
        raise UserError(f"{workdir}: converted weights: give the run folder that they are of")
    config: Any = ConfigDict(trained.config)
    config.holes = ConfigDict(SCORED_HOLES)
    mean = trained.mean_pixel
    dataset = make_dataset(config, seed=config.seed, place=lambda batch: batch, mean_pixel=mean)
    examples = dataset.held_out
    method = METHODS[config.method](config, mean)
    completers: dict[str, Callable] = {
        "fill with the mean": partial(mean_fill, mean_pixel=mean),
        "telea": telea,
        "smooth fill, without training": jax.jit(smooth_fill),
        "the network that ships": load().complete,
    }
    last = None
    for phase, end in zip(method.phases, phase_ends(method.phases), strict=True):
        if phase.steps and phase.name != "discriminator":  # which leaves C as it is
            last = load(workdir, end)
            completers[f"ours after {phase.name} ({end:,} updates)"] = last.complete
    if last is None:
        raise UserError(f"{workdir}: the run has no phases")
    # Score them, and complete the same pictures.
    scores = {
        name: score(complete, examples, HELD_OUT, config.data.batch_size)
        for name, complete in completers.items()
    }
    folder = workdir / "completed"
    folder.mkdir(exist_ok=True)
    image, mask = (examples[name][:ROWS].astype(np.float32) for name in ("image", "mask"))
    image /= 255
    columns = {"input": mean_fill(image, mask, mean_pixel=mean)}
    columns |= {name: np.asarray(f(image, mask)) for name, f in completers.items()}
    columns["truth"] = image
    # Write.
    pictures = [np.rint(column * 255).astype(np.uint8) for column in columns.values()]
    titles = [name.removesuffix(")").split(" (")[0] for name in columns]
    enlarged = [p.repeat(2, axis=1).repeat(2, axis=2) for p in pictures]
    write_picture(folder / "held_out.png", draw_grid(list(zip(*enlarged, strict=True)), titles))
    whole_photograph(last, folder)
    print(table(scores))
    print(f"\nheld-out pictures:   {folder / 'held_out.png'}")
    print(f"a whole photograph:  {folder / 'comparison.png'}")
    print(f"curves and samples:  {workdir / 'index.html'}")


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Reads the command line; argparse itself refuses what it does not know with exit code 2."""
    parser = command_parser("experiments.quickstart", __doc__)
    parser.add_argument("run", type=Path, metavar="RUN", help="run folder, such as runs/quickstart")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Runs the command and returns its exit code: 2 for a user's mistake, reported in one line."""
    return exit_code(lambda: run(parse(argv).run))


if __name__ == "__main__":
    sys.exit(main())
