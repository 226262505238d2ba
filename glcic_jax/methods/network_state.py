"""Starts, runs and moves a network, in the ways that all methods share.

All but `start`, `infer` and `begin_average` run per device, inside shard_map.
"""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import lax
from jaxtyping import Array, Int, PRNGKeyArray

from glcic_jax.layers.initial import initial_variables
from glcic_jax.runtime.devices import DATA
from glcic_jax.types import NetworkState


def start(
    module: Any, optimizer: optax.GradientTransformation, key: PRNGKeyArray, *inputs: Array
) -> NetworkState:
    """Returns a network with random parameters and a fresh state of its optimizer.

    Args:
      module: a Flax module.
      optimizer: moves the network in training.
      key: makes the parameters.
      inputs: examples of what the module takes. Their values do not matter.
    """
    variables = initial_variables(module, key, *inputs)
    params = variables["params"]
    return NetworkState(params, variables.get("batch_stats", {}), jax.jit(optimizer.init)(params))


def infer(module: Any, network: NetworkState, *inputs: Array) -> Any:
    """Returns a network's output with running statistics: each picture is seen by itself."""
    variables = {"params": network.params, "batch_stats": network.batch_stats}
    return module.apply(variables, *inputs)


def run_in_training(module: Any, params: Any, batch_stats: Any, *inputs: Array) -> tuple[Any, Any]:
    """Runs a network with the statistics of the batch.

    Args:
      module: a Flax module made with `train`, with a field `axis_name`.
      params: its parameters.
      batch_stats: its running statistics.
      inputs: what it takes.

    Returns:
      Its output, and the running statistics after it, the same on all devices.
    """
    variables = {"params": params, "batch_stats": batch_stats}
    output, changed = module.apply(variables, *inputs, mutable=["batch_stats"])
    stats = changed.get("batch_stats", {})  # a network may have none
    return output, stats if module.axis_name else lax.pmean(stats, DATA)


def device_mean(values: Any) -> Any:
    """Returns the mean over the devices. Call it inside the function that is differentiated.

    The gradients of parameters are then the same on all devices, those of the whole batch.
    """
    return lax.pmean(values, DATA)


def used_often(params: Any) -> Any:
    """Marks parameters that one loss uses several times as each device's own.

    Devices then exchange one sum of all the gradients, not one for each use.
    """
    return lax.pcast(params, DATA, to="varying")


def descend(
    optimizer: optax.GradientTransformation, network: NetworkState, gradients: Any, batch_stats: Any
) -> NetworkState:
    """Returns a network after one step of its optimizer, with new running statistics."""
    updates, opt_state = optimizer.update(gradients, network.opt_state, network.params)
    return NetworkState(optax.apply_updates(network.params, updates), batch_stats, opt_state)


def begin_average(network: NetworkState) -> NetworkState:
    """Returns the beginning of a network's moving average: a copy without an optimizer."""
    # A copy, not the same arrays: a step gives both up to be overwritten.
    return jax.tree.map(jnp.copy, network).replace(opt_state=())


def follow(
    average: NetworkState, network: NetworkState, decay: float, step: Int[Array, ""] | None
) -> NetworkState:
    """Returns a network's moving average after an update, running statistics included.

    The first averages are short: of N updates they keep (1 + N) / (10 + N) at most. Otherwise the
    random start would remain for a few times 1 / (1 - decay) updates, and its variances of 1 in
    batch norm, which are far from those of features, would spoil all that is completed.

    Args:
      average: before it, as `begin_average` began it.
      network: after it.
      decay: share of the old average that is kept, in [0, 1).
      step: the run's updates before this one; None where the run began with a trained network,
        which need not be forgotten.
    """
    kept = decay if step is None else jnp.minimum(decay, (1 + step) / (10 + step))
    return jax.tree.map(
        lambda old, new: (kept * old + (1 - kept) * new).astype(old.dtype),
        average,
        network.replace(opt_state=()),
    )
