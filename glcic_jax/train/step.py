"""Compiles the training step of all phases, on all devices.

On accelerators the phase is chosen on the device, by `lax.cond`. On a CPU XLA compiles convolutions
inside a conditional to code up to 43 times slower. There each phase has a program of its own, which
holds nothing of the others, and the host chooses it. To know the phase the host waits for the
previous step, so few steps are in flight (with some 33, several CPU devices deadlock).
"""

from collections.abc import Callable
from functools import cache, partial

import jax
from jax import lax
from jax import numpy as jnp
from jax.sharding import Mesh, PartitionSpec
from jax.stages import Wrapped
from jaxtyping import Array, PRNGKeyArray

from glcic_jax.layers.ops import as_float
from glcic_jax.runtime.compiled import least_memory
from glcic_jax.runtime.devices import DATA, replicate, state_shardings
from glcic_jax.runtime.distributed import compiled_together
from glcic_jax.types import Batch, Method, Metrics, Phase, TrainState, phase_at, phase_ends

StepFn = Callable[[TrainState, Batch], tuple[TrainState, Metrics]]
"""Makes one update: takes the state and a batch, returns the new state and the update's metrics."""


def make_train_step(
    method: Method, mesh: Mesh, key: PRNGKeyArray, *, traced_phase: bool | None = None,
    check: Callable[[], object] | None = None,
) -> StepFn:  # fmt: skip
    """Makes the training step. The state that it is given is donated: its buffers are reused.

    The phase is a function of `state.step` alone, so all devices agree on it. The step's random
    key is `fold_in(key, state.step)`: no random state needs saving.

    Args:
      method: its phases of 0 steps are left out.
      mesh: has the axes DATA, over which batches are split.
      key: the run's random key.
      traced_phase: choose the phase on the device; by default on everything but CPUs.
      check: as in `compiled_together`.

    Returns:
      A StepFn. Its metrics have the names of all phases; those that others report are 0.
    """
    phases = tuple(phase for phase in method.phases if phase.steps)
    ends = jnp.asarray(phase_ends(phases))
    names = tuple(dict.fromkeys(name for phase in phases for name in phase.metrics))
    updates = [_with_all_metrics(phase, names) for phase in phases]

    # The update, as one device computes it.
    def step(
        state: TrainState, batch: Batch, key: PRNGKeyArray, index: int | Array
    ) -> tuple[TrainState, Metrics]:
        batch = {name: as_float(array) for name, array in batch.items()}
        update = updates[index] if isinstance(index, int) else partial(_select, updates, index)
        state, metrics = update(state, batch, jax.random.fold_in(key, state.step))
        return state.replace(step=state.step + 1), metrics

    # The same on all devices; `static` is the phase's index where the host chooses it.
    def on_all_devices(state: TrainState, batch: Batch, key: PRNGKeyArray, static: int | None):
        def per_device(state, batch, key):
            index = jnp.searchsorted(ends, state.step, side="right") if static is None else static
            return step(state, batch, key, index)

        replicated, split, placed = PartitionSpec(), PartitionSpec(DATA), _specs(mesh, state)
        return jax.shard_map(
            per_device,
            mesh=mesh,
            in_specs=(placed, split, replicated),
            out_specs=(placed, replicated),
        )(state, batch, key)

    # The program, compiled once if the device chooses the phase, else once per phase.
    compiled = jax.jit(
        on_all_devices, static_argnames="static", donate_argnums=0, compiler_options=least_memory()
    )
    traced = mesh.devices.flat[0].platform != "cpu" if traced_phase is None else traced_phase
    key = replicate(mesh, key)
    program = cache(lambda static: compiled_together(compiled, check, static=static))

    def step_fn(state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        static = None if traced else phases.index(phase_at(phases, int(state.step)))
        return program(static)(state, batch, key)

    return step_fn


def update_flops(mesh: Mesh, phase: Phase, state: TrainState, batch: Batch) -> float:
    """Returns the operations of one update of `phase` on each device, as XLA counts them.

    A multiply-add counts as two. Convolutions are counted in their direct form, on all platforms.
    It is 0 where XLA does not count, as it does not in the plugin of CUDA (seen with JAX 0.11.2).

    Args:
      mesh: the devices, over which the batch is split.
      phase: its update is counted.
      state: arrays or their shapes.
      batch: arrays or their shapes.
    """
    traced = one_phase(mesh, phase).trace(state, batch)
    counted = traced.lower(lowering_platforms=("cuda",)).cost_analysis() or {}
    return counted.get("flops", 0.0)


def one_phase(mesh: Mesh, phase: Phase) -> Wrapped:
    """Returns the jitted update of one phase on all devices, to examine it, not to train with it.

    It takes (state, batch) as the training step does, and always uses the same random key.
    """

    def per_device(state, batch):
        batch = {name: as_float(array) for name, array in batch.items()}
        return phase.update(state, batch, jax.random.key(0))

    def on_all_devices(state, batch):
        placed, split = _specs(mesh, state), PartitionSpec(DATA)
        return jax.shard_map(
            per_device,
            mesh=mesh,
            in_specs=(placed, split),
            out_specs=(placed, PartitionSpec()),
        )(state, batch)

    return jax.jit(on_all_devices)


def init_key(seed: int) -> PRNGKeyArray:
    """Returns the key from which `Method.init` makes the initial weights.

    It is of the "rbg" kind. With JAX's default kind a CPU compiles half a second for each weight
    tensor, and nearly a minute for GLCIC's networks.
    """
    return jax.random.key(seed, impl="rbg")


def _specs(mesh: Mesh, state: TrainState) -> TrainState:
    """Returns the PartitionSpec of each array of the state."""
    return jax.tree.map(lambda sharding: sharding.spec, state_shardings(mesh, state))


def _select(updates: list, index: Array, *operands):
    """Runs the update number `index`, with one conditional per boundary between phases."""
    first, *rest = updates
    if not rest:
        return first(*operands)
    return lax.cond(
        index == 0, first, lambda *operands: _select(rest, index - 1, *operands), *operands
    )


def _with_all_metrics(phase: Phase, names: tuple[str, ...]):
    """Returns the phase's update with metrics of all `names`, as a conditional's branches need."""

    def update(state: TrainState, batch: Batch, key: PRNGKeyArray) -> tuple[TrainState, Metrics]:
        state, metrics = phase.update(state, batch, key)
        return state, {name: jnp.asarray(metrics.get(name, 0), float) for name in names}

    return update
