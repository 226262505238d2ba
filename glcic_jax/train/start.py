"""Finds what a run starts from: its mean pixel, and the networks that `config.init_from` names."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from glcic_jax.runtime import run_folder
from glcic_jax.runtime.errors import UserError
from glcic_jax.types import Method, NetworkState, TrainState
from glcic_jax.weights.address import Trained
from glcic_jax.weights.checkpoint_reader import read_about
from glcic_jax.weights.glcic import CompletionWeights
from glcic_jax.weights.trained import flatten_variables

log = logging.getLogger(__name__)

Rgb = tuple[float, float, float]

Networks = Mapping[str, NetworkState]
"""Networks by their names."""


def known_mean_pixel(config: Any, workdir: Path, donor: Trained | None) -> Rgb | None:
    """Returns the mean pixel that this run must use: its own, `donor`'s, or the config's.

    A network is tied to the mean pixel it was trained with. A run that starts from another run's
    network therefore takes over its mean pixel too.

    Args:
      config: the run's.
      workdir: the run folder; it need not be there yet.
      donor: the trained networks that the run starts from, if there are some.

    Returns:
      RGB in [0, 1]; None if it is still to be measured.

    Raises:
      UserError: the config sets another mean pixel than `donor` was trained with.
    """
    for step in reversed(run_folder.saved_steps(workdir)):
        try:
            return tuple(read_about(workdir, step)[1]["mean_pixel"])
        except UserError as error:  # damaged: an older one holds it too
            log.warning("%s", error)
    own = tuple(config.data.mean_pixel) or None
    if donor is None:
        return own
    if own not in (None, donor.mean_pixel):
        raise UserError(
            f"data.mean_pixel is {own}, and {donor.address} was trained with {donor.mean_pixel}: "
            "leave data.mean_pixel out"
        )
    return donor.mean_pixel


def read_start(config: Any, method: Method, donor: Trained) -> dict[str, NetworkState]:
    """Reads the networks that another run, or converted weights, complete with, to start from.

    They are the same that `load`, `evaluate` and `convert` read: the moving average, where that is
    what completes. So before its first update the new run completes exactly as `donor` does. A
    network and its moving average both start there.

    Args:
      config: this run's.
      method: this run's.
      donor: the other run, or converted weights.

    Returns:
      By the names of this run's networks: parameters and running statistics as numpy arrays, and no
      state of optimizers. Networks that are not in it start from scratch.

    Raises:
      UserError: the networks cannot be read, or are not those of this run's method and width.
    """
    _check_arithmetic(donor, smooth_holes=bool(config.get("smooth_holes")))
    # Read what completes there. An average goes by the name of what it follows.
    donor_method, state = donor.completing()
    theirs = {_followed(donor_method, n): state.networks[n] for n in donor_method.networks}
    # Give it to what completes here, and to what that is the average of.
    completing = {_followed(method, name) for name in method.networks}
    own = jax.eval_shape(method.init, jax.random.key(0)).networks
    own = {name: like for name, like in own.items() if _followed(method, name) in completing}
    if completing != theirs.keys():
        raise _cannot_start(donor, config.method)
    for name, like in own.items():
        _check_shapes(donor, config.method, theirs[_followed(method, name)], like)
    # Copies, not the same arrays: the step gives all of them up to be overwritten.
    return {name: jax.tree.map(np.array, theirs[_followed(method, name)]) for name in own}


def with_networks(state: TrainState, start: Networks) -> TrainState:
    """Returns a fresh state that begins with the networks that `read_start` has read."""
    networks = {
        name: state.networks[name].replace(params=read.params, batch_stats=read.batch_stats)
        for name, read in start.items()
    }
    return state.replace(networks=state.networks | networks)


def _followed(method: Method, name: str) -> str:
    """Returns the name of the network that a moving average follows; of others their own."""
    return method.averages.get(name, name)


def _described(donor: Trained) -> str:
    return str(donor.weights or f'"{donor.method_name}" network')


def _cannot_start(donor: Trained, method: str) -> UserError:
    return UserError(f'{donor.address}: a {_described(donor)}; "{method}" cannot start from it')


def _check_arithmetic(donor: Trained, *, smooth_holes: bool) -> None:
    """Refuses networks whose arrays would fit, but which compute something else with them."""
    weights, theirs = donor.weights, bool(donor.config.get("smooth_holes"))
    if isinstance(weights, CompletionWeights):
        # GLCIC's weights may come from other programs.
        does = (weights.norm, weights.relu_first, weights.scale, weights.fill_pixel)
        if does != (True, False, 1.0, (0.0, 0.0, 0.0)) or weights.output == "clip":
            raise UserError(
                f"{donor.address}: a {weights}, whose arithmetic is not the paper's: it completes "
                "as it is, and cannot be trained further"
            )
        theirs = weights.output == "difference"
    if theirs != smooth_holes:
        raise UserError(
            f"{donor.address}: smooth_holes is {theirs} there and {smooth_holes} here: set "
            "config.smooth_holes"
        )


def _check_shapes(donor: Trained, method: str, theirs: NetworkState, like: NetworkState) -> None:
    """Refuses a network of other arrays than this run's, or of other shapes."""
    found, wanted = (
        {
            name: leaf.shape
            for name, leaf in flatten_variables(
                {"params": network.params, "batch_stats": network.batch_stats}
            ).items()
        }
        for network in (theirs, like)
    )
    if found.keys() != wanted.keys() and donor.method_name != method:
        raise _cannot_start(donor, method)
    for name in sorted(wanted.keys() | found.keys()):
        if found.get(name) != wanted.get(name):
            raise UserError(
                f"{donor.address}: a {_described(donor)}, whose {name} is "
                f"{found.get(name, 'absent')} and this run's {wanted.get(name, 'absent')}: give "
                "the config that network's width, and its blocks, levels and form if it has them"
            )
