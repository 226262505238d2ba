r"""Trains the ablation (Iizuka et al. 2017, section 4.2): what each discriminator adds.

python -m experiments.ablation --config configs/reduced.py --workdir runs/ablation \
    --config.data.root=DIR

Trains phase 1 once, into the folder `start` of --workdir, and goes on from there four times, with
other discriminators: none, global, local, both. Takes any config of GLCIC, no other, and any
--config.FIELD=VALUE, as glcic_jax.main does; the same command resumes. Prints the held-out scores
and writes them, with pictures, into --workdir: table.md, grid.png. With --seeds N, it does all of
that for each seed.
"""

from pathlib import Path
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from glcic_jax.complete.load import load
from glcic_jax.data.pipeline import make_dataset
from glcic_jax.main import main, run
from glcic_jax.pictures.decode import write_picture
from glcic_jax.runtime.aside import leave
from glcic_jax.runtime.disk import write_whole
from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.run_folder import read_records, saved_steps
from glcic_jax.settings.check import check, with_defaults
from glcic_jax.train.report import draw_grid

START = "start"
"""The run folder of phase 1, from which the others go on."""

VARIANTS = {
    "mse": (),
    "global": ("global",),
    "local": ("local",),
    "both": ("local", "global"),
}
"""Discriminators by run folder."""

NAMES = {
    START: "phase 1",
    "mse": "MSE",
    "global": "+ global",
    "local": "+ local",
    "both": "+ both",
}
"""Titles in the table and the grid by run folder."""

FALLS = {"cosine": "0", "steps": "()"}
"""Fields of the optimizer by which its rate falls, and their values for one that stays."""

ROWS = 8
"""Pictures in the grid."""


def start(config: Any) -> Any:
    """Returns the config of phase 1 alone, which all four have in common."""
    changed = config.copy_and_resolve_references()
    changed.discriminators = ()
    changed.phases.discriminator = changed.phases.joint = 0
    return changed


def variant(config: Any, discriminators: tuple[str, ...], init_from: str) -> Any:
    """Returns the config that goes on after phase 1 with some of the discriminators.

    Without any, the completion network gets as many further updates by eq. (2) as phase 3 has.

    Args:
      config: the whole training.
      discriminators: "local", "global", both or none.
      init_from: the run of phase 1.
    """
    changed = config.copy_and_resolve_references()
    changed.init_from = init_from
    changed.discriminators = discriminators
    changed.phases.completion = 0
    if not discriminators:
        changed.phases.completion = changed.phases.joint
        changed.phases.discriminator = changed.phases.joint = 0
    return changed


def check_variants(config: Any) -> None:
    """Refuses a config of which not all can be made, before the first of them trains.

    A learning rate that falls is refused, as the runs would not be parts of one training: each has
    an optimizer of its own, which counts from its own first update, and phase 2 moves the
    discriminator alone.

    Raises:
      UserError: the method has no discriminators to leave out, the learning rate falls, or settings
        contradict each other.
    """
    if "discriminators" not in config:
        raise UserError(
            f"method is {config.method}, which has no config.discriminators to leave out: name a "
            "config of glcic"
        )
    if not (config.phases.completion and config.phases.joint):
        raise UserError(
            "config.phases: give completion and joint more than 0: the four go on from phase 1"
        )
    check(start(config))
    for discriminators in VARIANTS.values():
        check(variant(config, discriminators, init_from=START))
    for name, off in FALLS.items():
        if config.optimizer.get(name):
            raise UserError(
                f"config.optimizer.{name}: the rate would fall anew in each of the five runs: set "
                f"it to {off}, or train each network whole, as configs/ablation_*.py do"
            )


def check_folder(config: Any, workdir: Path) -> None:
    """Refuses a folder whose networks did not go on from this config's phase 1.

    Raises:
      UserError: one of the four has begun, and phase 1 is not there, or has another length.
    """
    begun = [name for name in VARIANTS if saved_steps(workdir / name)]
    had, wanted = max(saved_steps(workdir / START), default=0), config.phases.completion
    if begun and had != wanted:
        raise UserError(
            f"{workdir / begun[0]} did not go on from {wanted:,} updates of phase 1, of which "
            f"{workdir / START} has {had:,}: choose another --workdir"
        )


def ablation(config: Any, workdir: Path, accept_data: bool = False) -> None:
    """Trains phase 1 and the four, one after the other; the first process writes table and grid.

    Raises:
      UserError: as `check_variants`, `check_folder` and `run`.
    """
    config = ConfigDict(with_defaults(config.to_dict()))
    check_variants(config)
    check_folder(config, workdir)
    run(start(config), workdir / START, accept_data)
    for name, discriminators in VARIANTS.items():
        changed = variant(config, discriminators, init_from=str(workdir / START))
        run(changed, workdir / name, accept_data)
    if jax.process_index():
        return
    text = table(workdir)
    write_whole(workdir / "table.md", text)
    write_picture(workdir / "grid.png", grid(config, workdir))
    print(f"{text}pictures: {workdir / 'grid.png'}")


def table(workdir: Path) -> str:
    """Returns the scores of all after their last update, on the same holes, as Markdown."""
    lines = ["| | L1 | PSNR | SSIM | updates |", "|---|---|---|---|---|"]
    for name, title in NAMES.items():
        records = read_records(workdir / name)
        last = [record for record in records if record["kind"] == "held_out"][-1]
        l1, psnr, ssim = (last[f"held_out/{metric}"] for metric in ("l1", "psnr", "ssim"))
        lines.append(f"| {title} | {l1:.4f} | {psnr:.2f} | {ssim:.3f} | {last['step']:,} |")
    return "\n".join(lines) + "\n"


def grid(config: Any, workdir: Path) -> np.ndarray:
    """Draws held-out pictures with their holes, completed by all networks; uint8 RGB."""
    completers = {name: load(workdir / name) for name in NAMES}
    mean = completers["both"].mean_pixel
    dataset = make_dataset(config, seed=config.seed, place=lambda batch: batch, mean_pixel=mean)
    examples = dataset.held_out
    image, mask = (examples[name][:ROWS] for name in ("image", "mask"))
    columns = {"input": list(np.where(mask > 0, np.uint8(255), image))}
    for name, completer in completers.items():
        columns[NAMES[name]] = completer.batch(list(image), list(mask[..., 0]))
    columns["truth"] = list(image)
    return draw_grid(list(zip(*columns.values(), strict=True)), list(columns))


if __name__ == "__main__":
    leave(main(ablation, __doc__, "experiments.ablation"))
