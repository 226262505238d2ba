"""What a run starts from: its mean pixel, and the network that `config.init_from` names."""

import logging
from pathlib import Path
from typing import Any

from glcic_jax.runtime import run_folder
from glcic_jax.runtime.errors import UserError
from glcic_jax.types import NetworkState, TrainState
from glcic_jax.weights.address import Trained
from glcic_jax.weights.checkpoint_reader import read_about
from glcic_jax.weights.exchange import WEIGHTS_OF_METHOD
from glcic_jax.weights.glcic import CompletionWeights
from glcic_jax.weights.trained import Weights, flatten_variables, unflatten_variables

log = logging.getLogger(__name__)

COMPLETION = "completion"
"""Name of the network that is copied from the other run."""


def known_mean_pixel(
    config: Any, workdir: Path, donor: Trained | None
) -> tuple[float, float, float] | None:
    """Returns the mean pixel that this run must use: its own, the config's, or `donor`'s.

    A network is tied to the mean pixel it was trained with. A run that starts from another run's
    network therefore takes over its mean pixel too.

    Args:
      config: the run's.
      workdir: the run folder; it need not be there yet.
      donor: the network that the run starts from, if there is one.

    Returns:
      RGB in [0, 1]; None if it is still to be measured.
    """
    for step in reversed(run_folder.saved_steps(workdir)):
        try:
            return tuple(read_about(workdir, step)[1]["mean_pixel"])
        except UserError as error:  # damaged: an older one holds it too
            log.warning("%s", error)
    if len(config.data.mean_pixel) == 3:
        return tuple(config.data.mean_pixel)
    return donor.mean_pixel if donor else None


def network_of(
    trained: Trained, method: str, networks: dict[str, NetworkState], *, smooth_holes: bool = False
) -> tuple[Any, Any]:
    """Reads the network to start from.

    Args:
      trained: the other run, or converted weights.
      method: the method that will train it further, by its name in METHODS.
      networks: this run's networks; arrays or ShapeDtypeStructs.
      smooth_holes: whether this run's network adds to a smooth fill. Weights trained for one use
        cannot serve the other.

    Returns:
      Parameters and running statistics, as numpy arrays.

    Raises:
      UserError: the network cannot be read, or is that of another method or another width.
    """
    if COMPLETION not in networks:
        raise UserError(
            f'init_from: "{method}" has no completion network that could start from it: leave '
            "init_from empty"
        )
    like = networks[COMPLETION]
    if trained.weights is None:
        _check_holes(trained.address, bool(trained.config.get("smooth_holes")), smooth_holes)
        return trained.restore(COMPLETION, like)
    weights = trained.weights
    _check(weights, trained.address, method, like)
    if isinstance(weights, CompletionWeights):
        _check_holes(trained.address, weights.output == "difference", smooth_holes)
    return unflatten_variables(weights.tensors)


def with_network(state: TrainState, params: Any, batch_stats: Any) -> TrainState:
    """Returns a fresh state with the network to start from, and its moving average if any, in it.

    Args:
      state: at step 0.
      params: as `network_of` returns them.
      batch_stats: likewise.
    """
    networks = {
        name: network.replace(params=params, batch_stats=batch_stats)
        for name, network in state.networks.items()
        if name.startswith(COMPLETION)  # its moving average starts there too
    }
    return state.replace(networks=state.networks | networks)


def _check_holes(address: str, theirs: bool, ours: bool) -> None:
    """Refuses a network that was trained with the other setting of smooth_holes."""
    if theirs != ours:
        raise UserError(
            f"{address}: smooth_holes is {theirs} there and {ours} here: set config.smooth_holes"
        )


def _check(weights: Weights, address: str, method: str, like: NetworkState) -> None:
    """Refuses weights of another method, arithmetic or shape than this run's network."""
    if type(weights) is not WEIGHTS_OF_METHOD.get(method):
        raise UserError(f'{address}: a {weights}; "{method}" cannot start from it')
    # GLCIC's weights may come from programs whose network computes something else.
    if isinstance(weights, CompletionWeights):
        does = (weights.norm, weights.relu_first, weights.scale, weights.fill_pixel)
        if does != (True, False, 1.0, (0.0, 0.0, 0.0)) or weights.output == "clip":
            raise UserError(
                f"{address}: a {weights}, whose arithmetic is not the paper's: it completes as it "
                "is, and cannot be trained further"
            )
    # Every array must be there, in this run's shape.
    shapes = flatten_variables({"params": like.params, "batch_stats": like.batch_stats})
    for name in sorted(shapes.keys() | weights.tensors.keys()):
        wanted = shapes[name].shape if name in shapes else "absent"
        found = weights.tensors[name].shape if name in weights.tensors else "absent"
        if found != wanted:
            raise UserError(
                f"{address}: a {weights}, whose {name} is {found} and this run's {wanted}: set the "
                "config's width, and its levels if it has them, to those of the weights"
            )
