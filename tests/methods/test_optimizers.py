"""Optimizers by name against plain Optax, and what may be around them, on and off."""

from functools import partial
from inspect import signature

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.sharding import PartitionSpec

from glcic_jax.methods.common_fields import AROUND, OPTIMIZERS
from glcic_jax.methods.optimizers import OPTIMIZERS as FUNCTIONS
from glcic_jax.methods.optimizers import optimizer_of, pair_of, schedule
from glcic_jax.runtime.devices import make_mesh
from glcic_jax.runtime.errors import UserError

PARAMS = {"kernel": jnp.linspace(-2, 2, 12).reshape(4, 3), "bias": jnp.array([3.0, -1.0])}
NONE = {name: field.default for name, field in AROUND.items()}


def gradients(step):
    return jax.tree.map(lambda leaf: jnp.sin(leaf * (step + 1)), PARAMS)


def moved(optimizer, steps=5, devices=1):
    """The parameters after some updates. Only optimizers without state work on several devices."""
    mesh = make_mesh(jax.devices()[:devices], fsdp=devices)
    whole = PartitionSpec()

    @jax.jit
    @partial(jax.shard_map, mesh=mesh, in_specs=whole, out_specs=whole, check_vma=False)
    def run(params):
        state = optimizer.init(params)
        for step in range(steps):
            moves, state = optimizer.update(gradients(step), state, params)
            params = optax.apply_updates(params, moves)
        return params

    return jax.device_get(run(PARAMS))


def assert_same(ours, theirs, rtol=1e-6):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-7), ours, theirs)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_optimizer_is_that_of_optax_with_its_settings(name):
    chosen = OPTIMIZERS.defaults(name)
    del chosen["discriminator_learning_rate"]
    own = {n: v for n, v in chosen.items() if n not in {"name", *NONE}}
    theirs = FUNCTIONS[name](**own, **({"weight_decay": 0.0} if name == "lion" else {}))
    ours = optimizer_of(**chosen)
    assert_same(moved(ours), moved(theirs), rtol=0)
    structure = jax.tree.structure(theirs.init(PARAMS))
    assert jax.tree.structure(ours.init(PARAMS)) == structure  # off leaves no trace


def test_described_settings_have_optax_defaults():
    assert OPTIMIZERS.kinds.keys() == FUNCTIONS.keys()
    for name, fields in OPTIMIZERS.kinds.items():
        taken = signature(FUNCTIONS[name]).parameters
        for setting, field in fields.items():
            default = taken[setting].default
            if setting not in ("learning_rate", "momentum"):  # None there, 0 here: the same
                assert field.default == default, (name, setting)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, lambda t: 0.5),
        ({"cosine": 8}, lambda t: 0.25 * (1 + np.cos(np.pi * min(t, 8) / 8))),
        ({"steps": (2, 5), "step_factor": 0.5}, lambda t: 0.5 * 0.5 ** ((t >= 2) + (t >= 5))),
        ({"warm_up": 4}, lambda t: 0.5 * min(1, (t + 1) / 4)),
        (
            {"warm_up": 4, "cosine": 8},
            lambda t: 0.25 * (1 + np.cos(np.pi * min(t, 8) / 8)) * min(1, (t + 1) / 4),
        ),
    ],
)
def test_schedules_by_hand(settings, expected):
    found = schedule(0.5, **settings)
    rates = [found(t) if callable(found) else found for t in range(10)]
    np.testing.assert_allclose(rates, [expected(t) for t in range(10)], atol=1e-7)
    plain = optimizer_of("sgd", learning_rate=0.5, **settings)
    total = sum(expected(t) * np.asarray(gradients(t)["bias"]) for t in range(10))
    np.testing.assert_allclose(moved(plain, 10)["bias"], PARAMS["bias"] - total, rtol=1e-5)


def test_steps_count_as_optax_counts_them():
    ours = schedule(1.0, steps=(3, 6))
    theirs = optax.piecewise_constant_schedule(1.0, {3: 0.1, 6: 0.1})
    assert [float(ours(t)) for t in range(9)] == [float(theirs(t)) for t in range(9)]


def test_two_schedules_are_refused():
    with pytest.raises(UserError, match=r"optimizer.cosine and optimizer.steps are two schedules"):
        schedule(1.0, cosine=5, steps=(2,))


@pytest.mark.parametrize("settings", [{}, {"warm_up": 3}, {"cosine": 6}])
def test_a_weight_decay_with_adam_is_adamw_on_kernels(settings):
    mask = {"kernel": True, "bias": False}
    rate = schedule(0.1, **settings)
    theirs = moved(optax.adamw(rate, weight_decay=0.3, mask=mask))
    ours = moved(optimizer_of("adam", learning_rate=0.1, weight_decay=0.3, **settings))
    assert_same(ours, theirs, rtol=1e-5)
    without = moved(optimizer_of("adam", learning_rate=0.1, **settings))
    np.testing.assert_array_equal(ours["bias"], without["bias"])
    assert np.abs(ours["kernel"] - without["kernel"]).max() > 1e-3


@pytest.mark.parametrize("devices", [1, 2])
def test_clipping_takes_the_norm_of_all_gradients_on_any_number_of_devices(devices):
    theirs = optax.chain(optax.clip_by_global_norm(0.7), optax.sgd(0.1))
    ours = optimizer_of("sgd", learning_rate=0.1, clip=0.7)
    assert_same(moved(ours, devices=devices), moved(theirs))
    assert np.abs(moved(theirs)["bias"] - moved(optax.sgd(0.1))["bias"]).max() > 1e-4


@pytest.mark.parametrize(("own", "rate"), [({}, 0.1), ({"discriminator_learning_rate": 0.4}, 0.4)])
def test_a_discriminator_may_have_its_own_rate(own, rate):
    first, second = pair_of(name="sgd", learning_rate=0.1, clip=0.7, **own)
    assert_same(moved(first, 1), moved(optimizer_of("sgd", learning_rate=0.1, clip=0.7), 1))
    assert_same(moved(second, 1), moved(optimizer_of("sgd", learning_rate=rate, clip=0.7), 1))


def test_unknown_optimizers_and_settings_are_refused():
    with pytest.raises(UserError, match=r'optimizer.name is "lamb": choose adadelta or adam'):
        optimizer_of("lamb", learning_rate=1.0)
    with pytest.raises(UserError, match=r"optimizer.rho: adam has no such setting"):
        optimizer_of("adam", learning_rate=1.0, rho=0.5)
