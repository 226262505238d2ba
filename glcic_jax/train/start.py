"""The network that a run starts from, `config.init_from`: another run's, or converted weights'."""

from typing import Any

from glcic_jax.runtime.errors import UserError
from glcic_jax.types import NetworkState, TrainState
from glcic_jax.weights.address import Trained
from glcic_jax.weights.exchange import WEIGHTS_OF_METHOD
from glcic_jax.weights.glcic import CompletionWeights
from glcic_jax.weights.trained import Weights, flatten_variables, unflatten_variables

COMPLETION = "completion"
"""Name of the network that is copied from the other run."""


def network_of(
    trained: Trained, method: str, networks: dict[str, NetworkState], *, smooth_holes: bool = False
) -> tuple[Any, Any]:
    """Reads the network to start from: parameters and running statistics, as numpy arrays.

    Args:
      trained: the other run, or converted weights.
      method: that is to train on, by its name in METHODS.
      networks: this run's; arrays or ShapeDtypeStructs.
      smooth_holes: whether this run's network adds to a smooth fill: another use of its weights.

    Raises:
      UserError: nothing there that can be read; another method's network, or another width's.
    """
    if COMPLETION not in networks:
        raise UserError(f'init_from: "{method}" has no completion network to start so')
    like = networks[COMPLETION]
    if trained.weights is None:
        _check_holes(trained.address, bool(trained.config.get("smooth_holes")), smooth_holes)
        return trained.restore(COMPLETION, like)
    weights = trained.weights
    _check(weights, trained.address, method, like)
    if isinstance(weights, CompletionWeights):
        _check_holes(trained.address, weights.output == "difference", smooth_holes)
    return unflatten_variables(weights.tensors)


def started(state: TrainState, params: Any, batch_stats: Any) -> TrainState:
    """Puts the network to start from, and its average if there is one, into a fresh state."""
    networks = {
        name: network.replace(params=params, batch_stats=batch_stats)
        for name, network in state.networks.items()
        if name.startswith(COMPLETION)  # its moving average starts there too
    }
    return state.replace(networks=state.networks | networks)


def _check_holes(address: str, theirs: bool, ours: bool) -> None:
    if theirs != ours:
        raise UserError(
            f"{address}: smooth_holes is {theirs} there and {ours} here: set config.smooth_holes"
        )


def _check(weights: Weights, address: str, method: str, like: NetworkState) -> None:
    """Refuses weights that are not those of the method's network."""
    if type(weights) is not WEIGHTS_OF_METHOD.get(method):
        raise UserError(f'{address}: a {weights}; "{method}" cannot start from it')
    if isinstance(weights, CompletionWeights):
        does = (weights.norm, weights.relu_first, weights.scale, weights.fill_pixel)
        if does != (True, False, 1.0, (0.0, 0.0, 0.0)) or weights.output == "clip":
            raise UserError(
                f"{address}: a {weights}, whose arithmetic is not the paper's: it completes as it "
                "is, and cannot be trained further"
            )
    shapes = flatten_variables({"params": like.params, "batch_stats": like.batch_stats})
    for name in sorted(shapes.keys() | weights.tensors.keys()):
        wanted = shapes[name].shape if name in shapes else "absent"
        found = weights.tensors[name].shape if name in weights.tensors else "absent"
        if found != wanted:
            raise UserError(
                f"{address}: a {weights}, whose {name} is {found} and this run's {wanted}: set the "
                "config's width, and levels if it has them, to its"
            )
