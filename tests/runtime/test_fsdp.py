"""Optimizers split over devices: the same updates, a share of the memory."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from benchmarks.scaling import exchanges
from glcic_jax.runtime.devices import DATA, describe, make_mesh, place, shard, split_over_fsdp
from glcic_jax.runtime.errors import UserError
from glcic_jax.train.step import one_phase
from glcic_jax.types import NetworkState, Phase, TrainState
from glcic_jax.weights.checkpoint import Checkpoints
from tests.helpers.small import make_batch, run_steps, small_config, stepper

OPTIMIZER = split_over_fsdp(optax.adadelta(1.0))
SPLIT, WHOLE = 2 * 3 * 8, 3
"""Numbers that divide over devices, two matrices, and those that do not, a bias."""


def start():
    """Makes a state that has moved: all averages differ from 0."""
    rng = np.random.default_rng(0)
    shapes = {"wide": (3, 8), "narrow": (8, 3), "bias": (3,)}
    params = {name: jnp.asarray(rng.normal(size=shape)) for name, shape in shapes.items()}
    _, opt_state = optax.adadelta(1.0).update(params, OPTIMIZER.init(params), params)
    return TrainState(jnp.zeros((), jnp.int32), {"net": NetworkState(params, {}, opt_state)})


def update(state, batch, key):
    network = state.networks["net"]

    def loss(params):
        output = jnp.tanh(batch["image"] @ params["wide"]) @ params["narrow"] + params["bias"]
        return jax.lax.pmean(jnp.mean((output - batch["image"]) ** 2), DATA)

    value, gradients = jax.value_and_grad(loss)(network.params)
    moves, opt_state = OPTIMIZER.update(gradients, network.opt_state, network.params)
    moved = NetworkState(optax.apply_updates(network.params, moves), {}, opt_state)
    metrics = {"loss": value, "grad_norm": optax.tree.norm(gradients)}
    return state.replace(networks={"net": moved}), metrics


def averages(state):
    return [leaf for leaf in jax.tree.leaves(state.networks["net"].opt_state) if leaf.ndim]


@pytest.fixture(scope="module")
def updated():
    """Compiles the program for each `fsdp`, and runs it on one state and one batch."""
    phase, found = Phase("only", 1, update, ("loss", "grad_norm"), ("net",)), {}
    for fsdp in (1, 2, 4):
        mesh = make_mesh(fsdp=fsdp)
        given = place(mesh, start()), shard(mesh, make_batch(0))
        program = one_phase(mesh, phase).lower(*given).compile()
        found[fsdp] = program, program(*given)
    return found


@pytest.mark.parametrize("fsdp", [2, 4])
def test_losses_gradients_and_parameters_are_those_of_data_parallelism(updated, fsdp):
    (_, plain), (_, split) = updated[1], updated[fsdp]
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7), split, plain)


@pytest.mark.parametrize("fsdp", [2, 4])
def test_a_device_holds_its_share_of_both_averages(updated, fsdp):
    (plain, _), (split, (state, _)) = updated[1], updated[fsdp]
    held = sum(leaf.addressable_shards[0].data.size for leaf in averages(state))
    assert held == 2 * (SPLIT // fsdp + WHOLE)
    before, after = (p.memory_analysis().argument_size_in_bytes for p in (plain, split))
    assert before - after == 4 * 2 * (SPLIT - SPLIT // fsdp)


@pytest.mark.parametrize("fsdp", [2, 4])
def test_gradients_travel_as_before_and_updates_once(updated, fsdp):
    plain, split = (updated[n][0].as_text() for n in (1, fsdp))
    assert sum(exchanges(split)) == sum(exchanges(plain))
    assert exchanges(plain, "all-gather") == []
    assert sum(exchanges(split, "all-gather")) == 4 * SPLIT


@pytest.mark.parametrize(("before", "after"), [(1, 4), (4, 2)])
def test_a_checkpoint_serves_any_split(tmp_path, before, after):
    with Checkpoints(tmp_path, keep=1) as checkpoints:
        checkpoints.save(1, place(make_mesh(fsdp=before), start()), about={}, metrics={})
        checkpoints.wait()
        like = place(make_mesh(fsdp=after), start())
        restored = checkpoints.restore_latest(like)
    assert restored is not None
    jax.tree.map(np.testing.assert_array_equal, restored.networks, start().networks)
    for ours, expected in zip(averages(restored), averages(like), strict=True):
        assert ours.sharding == expected.sharding


@pytest.mark.parametrize("fsdp", [0, 3, 8])
def test_a_split_that_does_not_divide_is_refused(fsdp):
    with pytest.raises(UserError, match=f"fsdp is {fsdp}: choose a number that divides the 4 dev"):
        make_mesh(fsdp=fsdp)


def test_the_header_names_the_split():
    assert describe(make_mesh(fsdp=2), 8).endswith(", optimizers split over 2 devices")
    assert "split" not in describe(make_mesh(), 8)


@pytest.mark.slow
def test_glcic_is_that_of_data_parallelism():
    """Makes every step from the same state, so that differences do not add up."""
    config = small_config(average_decay=0.9, dtype="float64")
    states, metrics = run_steps(config, 6, devices=4)
    step = stepper(config, devices=4, fsdp=2)
    for index, state in enumerate(states[:-1]):
        after, values = step(state, make_batch(index))
        for name, value in values.items():
            np.testing.assert_allclose(value, metrics[index][name], rtol=1e-10, err_msg=name)
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12),
            after,
            states[index + 1],
        )
