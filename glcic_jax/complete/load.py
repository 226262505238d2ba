"""Trained methods, from run folders and from converted weights."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from glcic_jax.complete.completer import Completer, make_complete_fn
from glcic_jax.methods import METHODS
from glcic_jax.types import Method, NetworkState, TrainState, UserError
from glcic_jax.weights import glcic as network
from glcic_jax.weights import partial_conv as partial_network
from glcic_jax.weights.checkpoint import read_about, restore_network
from glcic_jax.weights.exchange import is_exchange, read_exchange
from glcic_jax.weights.glcic import CompletionWeights, Weights
from glcic_jax.weights.hub import locate
from glcic_jax.weights.partial_conv import PartialWeights
from glcic_jax.weights.pretrained import BUNDLED


def load(run: str | Path = BUNDLED, step: int | None = None, **settings: Any) -> Completer:
    """Loads the completer of a training run, or of weights that `glcic_jax.convert` wrote.

    Args:
      run: the run folder (`--workdir` of the training); a folder of weights, or the .safetensors
        file in it; or "hf://OWNER/NAME" on the Hugging Face Hub; the network that comes with the
        package by default.
      step: of the run's checkpoint; the latest by default.
      settings: of completing, such as latent_steps=500, in place of those that the run's config
        has as `completion`.

    Raises:
      UserError: no such folder, file or checkpoint, a damaged one, or one of an unknown method; a
        setting that the method has not.
    """
    path = locate(run)
    if is_exchange(path):
        if step is not None:
            raise UserError(f"{run} is no run folder: choose no step")
        _check_settings(run, settings, {})
        weights = read_exchange(path)
        method, state = _method_of(weights)
        return _completer(method, state, weights.hole_colour)
    return _completer(*trained(path, step, **settings))


def trained(
    run: Path, step: int | None = None, **settings: Any
) -> tuple[Method, TrainState, tuple[float, float, float]]:
    """The method of a training run, the networks that completion reads, and the mean pixel.

    Arguments and errors are those of `load`.
    """
    step, about = read_about(run, step)
    config, mean_pixel = about["config"], tuple(about["mean_pixel"])
    if config["method"] not in METHODS:
        known = ", ".join(METHODS)
        raise UserError(f'{run} holds a "{config["method"]}" network, known here are: {known}')
    usual = config.get("completion", {})
    _check_settings(run, settings, usual)
    method = METHODS[config["method"]](config | {"completion": usual | settings}, mean_pixel)
    fresh = jax.eval_shape(method.init, jax.random.key(0))
    networks = {}
    for name in method.networks:
        params, batch_stats = restore_network(run, name, fresh.networks[name], step)
        networks[name] = NetworkState(params, batch_stats, opt_state=None)
    return method, TrainState(jnp.asarray(step, jnp.int32), networks), mean_pixel


def _method_of(weights: Weights) -> tuple[Method, TrainState]:
    """A method that only completes, and its state."""
    if isinstance(weights, PartialWeights):
        return partial_network.method_of(weights)
    assert isinstance(weights, CompletionWeights)
    return network.method_of(weights)


def _check_settings(run: str | Path, settings: dict[str, Any], known: dict[str, Any]) -> None:
    """Refuses settings that the network's method has not."""
    unknown = sorted(settings.keys() - known.keys())
    if unknown:
        choice = f"choose among {', '.join(known)}" if known else "leave it away"
        raise UserError(f"{run}: completing with this network has no {unknown[0]}: {choice}")


def _completer(
    method: Method, state: TrainState, mean_pixel: tuple[float, float, float]
) -> Completer:
    return Completer(
        make_complete_fn(method, state),
        mean_pixel,
        int(state.step),
        reach=method.reach,
        alignment=method.alignment,
        size=method.size,
        middle=method.middle,
        blends=method.blends,
    )
