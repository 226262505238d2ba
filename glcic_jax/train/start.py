"""The network that a run starts from, `config.init_from`: another run's, or converted weights'."""

from typing import Any

from glcic_jax.convert.from_run import KINDS
from glcic_jax.types import NetworkState, UserError
from glcic_jax.weights.checkpoint import read_about, restore_network
from glcic_jax.weights.exchange import is_exchange, read_exchange
from glcic_jax.weights.glcic import CompletionWeights, Rgb, Weights, flat, trees
from glcic_jax.weights.hub import locate

COMPLETION = "completion"
"""Of its networks the one that is taken."""


def mean_pixel_of(address: str) -> Rgb:
    """RGB in [0, 1] that the network was trained around.

    Args:
      address: a run folder, a folder of converted weights or its file, or hf://OWNER/NAME.

    Raises:
      UserError: nothing there that can be read.
    """
    path = locate(address)
    if is_exchange(path):
        return read_exchange(path).mean_pixel
    return tuple(read_about(path)[1]["mean_pixel"])


def network_of(
    address: str, method: str, like: NetworkState, *, smooth_holes: bool = False
) -> tuple[Any, Any]:
    """Its parameters and running statistics, as numpy arrays.

    Args:
      address: as `mean_pixel_of` takes it.
      method: that is to train on, by its name in METHODS.
      like: this method's network; arrays or ShapeDtypeStructs.
      smooth_holes: whether this run's network adds to a smooth fill: another use of its weights.

    Raises:
      UserError: nothing there that can be read; another method's network, or another width's.
    """
    path = locate(address)
    if not is_exchange(path):
        theirs = bool(read_about(path)[1]["config"].get("smooth_holes"))
        _check_holes(address, theirs, smooth_holes)
        return restore_network(path, COMPLETION, like)
    weights = read_exchange(path)
    _check(weights, address, method, like)
    if isinstance(weights, CompletionWeights):
        _check_holes(address, weights.output == "difference", smooth_holes)
    return trees(weights.tensors)


def _check_holes(address: str, theirs: bool, ours: bool) -> None:
    if theirs != ours:
        raise UserError(
            f"{address}: smooth_holes is {theirs} there and {ours} here: set config.smooth_holes"
        )


def _check(weights: Weights, address: str, method: str, like: NetworkState) -> None:
    """Refuses weights that are not those of the method's network."""
    if type(weights) is not KINDS.get(method):
        raise UserError(f'{address}: a {weights}; "{method}" cannot start from it')
    if isinstance(weights, CompletionWeights):
        does = (weights.norm, weights.relu_first, weights.scale, weights.fill_pixel)
        if does != (True, False, 1.0, (0.0, 0.0, 0.0)) or weights.output == "clip":
            raise UserError(
                f"{address}: a {weights}, whose arithmetic is not the paper's: it completes as it "
                "is, and cannot be trained further"
            )
    shapes = flat({"params": like.params, "batch_stats": like.batch_stats})
    for name in sorted(shapes.keys() | weights.tensors.keys()):
        wanted = shapes[name].shape if name in shapes else "absent"
        found = weights.tensors[name].shape if name in weights.tensors else "absent"
        if found != wanted:
            raise UserError(
                f"{address}: a {weights}, whose {name} is {found} and this run's {wanted}: set the "
                "config's width, and levels if it has them, to its"
            )
