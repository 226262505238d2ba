"""Reads the network that completes out of a training run, to be converted."""

import math
from typing import Any

import numpy as np

from glcic_jax.runtime.run_folder import read_records
from glcic_jax.weights.address import Trained
from glcic_jax.weights.any_method import MethodWeights, tensors_of
from glcic_jax.weights.glcic import CompletionWeights
from glcic_jax.weights.lama import LamaWeights
from glcic_jax.weights.partial_conv import PartialWeights
from glcic_jax.weights.trained import Weights, flatten_variables

WEIGHTS_OF_METHOD: dict[str, type[Weights]] = {
    "glcic": CompletionWeights,
    "partial_conv": PartialWeights,
    "lama": LamaWeights,
}
"""The class of weights that a run of a method becomes; all other methods have MethodWeights."""


def from_run(trained: Trained) -> Weights:
    """Reads the network that completes, with the run's config and what was measured of it.

    Args:
      trained: an opened run folder.

    Raises:
      UserError: a damaged checkpoint, or one of a method that is not known here.
    """
    assert trained.run is not None
    _, state = trained.completing()
    kind = WEIGHTS_OF_METHOD.get(trained.config["method"], MethodWeights)
    if kind is MethodWeights:
        tensors = tensors_of(state.networks)
    else:
        (network,) = state.networks.values()
        variables = {"params": network.params, "batch_stats": network.batch_stats}
        leaves = flatten_variables(variables).items()
        tensors = {name: np.asarray(leaf, np.float32) for name, leaf in leaves}
    own: dict[str, Any] = {}
    if kind is CompletionWeights and trained.config.get("smooth_holes"):
        own["output"] = "difference"
    return kind(
        **own,
        tensors=tensors,
        mean_pixel=trained.mean_pixel,
        step=trained.step,
        source=f"a training run, {_steps(trained)}",
        run=trained.config,
        scores={} if trained.averaged else _scores(trained),
    )


def _steps(trained: Trained) -> str:
    """Returns a phrase on the checkpoint, or on those whose mean the network is."""
    if not trained.averaged:
        return f"step {trained.step:,}"
    return f"the mean of steps {', '.join(f'{step:,}' for step in trained.averaged)}"


def _scores(trained: Trained) -> dict[str, float]:
    """Returns the held-out scores that the run recorded at this step, by name."""
    assert trained.run is not None
    scores = {
        name: value
        for record in read_records(trained.run)
        if (record.get("kind"), record["step"]) == ("held_out", trained.step)
        for name, value in record.items()
        if name.startswith("held_out/")
    }
    return {name: value for name, value in scores.items() if math.isfinite(value)}
