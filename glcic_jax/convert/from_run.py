"""The network that completes of a training run of ours."""

import math
from pathlib import Path

import jax
import numpy as np

from glcic_jax.methods import METHODS
from glcic_jax.train.report import read_records
from glcic_jax.types import UserError
from glcic_jax.weights.checkpoint import read_about, restore_network
from glcic_jax.weights.glcic import CompletionWeights, Weights, flat
from glcic_jax.weights.partial_conv import PartialWeights

KINDS = {"glcic": CompletionWeights, "partial_conv": PartialWeights}
"""What is made of the runs of a method."""


def from_run(run: Path, step: int | None = None) -> Weights:
    """Reads the network that completes, with the run's config and what was measured of it.

    Args:
      run: the run folder.
      step: of the checkpoint; the latest by default.

    Raises:
      UserError: no such folder or checkpoint, a damaged one, or one of another method.
    """
    step, about = read_about(run, step)
    config, mean_pixel = about["config"], tuple(about["mean_pixel"])
    if config["method"] not in KINDS:
        known = " and ".join(f'"{name}"' for name in KINDS)
        raise UserError(
            f'{run} holds a "{config["method"]}" network; only {known} ones can be converted'
        )
    method = METHODS[config["method"]](config, mean_pixel)
    (name,) = method.networks
    fresh = jax.eval_shape(method.init, jax.random.key(0))
    params, batch_stats = restore_network(run, name, fresh.networks[name], step)
    variables = {"params": params, "batch_stats": batch_stats}
    scores = [r for r in read_records(run) if (r.get("kind"), r["step"]) == ("held_out", step)]
    measured = {k: v for r in scores for k, v in r.items() if k.startswith("held_out/")}
    finite = {name: value for name, value in measured.items() if math.isfinite(value)}
    smooth = {"output": "difference"} if config.get("smooth_holes") else {}
    return KINDS[config["method"]](
        **smooth,
        tensors={name: np.asarray(leaf, np.float32) for name, leaf in flat(variables).items()},
        mean_pixel=mean_pixel,
        step=step,
        source=f"a training run, step {step:,}",
        run=config,
        scores=finite,
    )
