"""The step: devices agree, phases move what they must, and the field's known faults are absent."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from glcic_jax.methods.by_name import METHODS
from glcic_jax.runtime.devices import make_mesh, shard
from glcic_jax.runtime.errors import UserError
from glcic_jax.types import phase_at
from tests.helpers.joint_step import reference
from tests.helpers.small import MEAN, make_batch, run_steps, small_config, stepper

PHASES = ("completion", "completion", "discriminator", "discriminator", "joint", "joint")


@pytest.fixture(scope="module")
def one():
    return run_steps(small_config(dtype="float64"), 6)


@pytest.fixture(scope="module")
def four(one):
    """Each of those steps on four devices, from the same state: differences do not add up."""
    step = stepper(small_config(dtype="float64"), devices=4)
    steps = [step(state, make_batch(index)) for index, state in enumerate(one[0][:-1])]
    states, metrics = zip(*steps, strict=True)
    return states, metrics


def assert_same_state(ours, theirs):
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12), ours, theirs
    )


def differs(a, b) -> bool:
    leaves = zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    return any((x != y).any() for x, y in leaves)


def test_device_count_changes_no_loss_and_no_gradient(one, four):
    # Gradient norms above all: Adadelta hides a gradient that is four times too large.
    for ours, theirs in zip(one[1], four[1], strict=True):
        assert ours.keys() == theirs.keys()
        for name in ours:
            np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-10, err_msg=name)


def test_device_count_changes_no_parameter_and_no_statistic(one, four):
    for ours, theirs in zip(one[0][1:], four[0], strict=True):
        assert_same_state(ours, theirs)


@pytest.mark.slow
def test_float32_on_four_devices_does_what_double_precision_does(one):
    """As far as float32 goes: a ReLU switched by rounding moves a gradient's norm, but no loss."""
    state = jax.tree.map(lambda a: a.astype(np.float32) if a.dtype == float else a, one[0][4])
    _, ours = stepper(small_config(), devices=4)(state, make_batch(4))
    for name, value in one[1][4].items():
        if name.startswith("loss/"):
            np.testing.assert_allclose(ours[name], value, rtol=1e-5, err_msg=name)
        if name.startswith("grad_norm/"):
            np.testing.assert_allclose(ours[name], value, rtol=1e-2, err_msg=name)


def test_each_phase_moves_exactly_its_networks(one):
    states, _ = one
    moves = {
        "completion": {"completion"},
        "discriminator": {"discriminator"},
        "joint": {"completion", "discriminator"},
    }
    for before, after, phase in zip(states[:-1], states[1:], PHASES, strict=True):
        for name in ("completion", "discriminator"):
            for part in ("params", "batch_stats", "opt_state"):
                old, new = (getattr(s.networks[name], part) for s in (before, after))
                assert differs(old, new) == (name in moves[phase]), (phase, name, part)


def test_the_phase_switches_exactly_at_its_boundaries(one):
    _, metrics = one
    reports = {
        "completion": "loss/mse",
        "discriminator": "loss/discriminator",
        "joint": "loss/adversarial",
    }
    for values, phase in zip(metrics, PHASES, strict=True):
        assert values[reports[phase]] > 0
        assert (values["loss/mse"] > 0) == (phase != "discriminator")
        assert (values["loss/discriminator"] > 0) == (phase != "completion")
        assert (values["loss/adversarial"] > 0) == (phase == "joint")


def test_phase_at_follows_the_updates_done():
    phases = METHODS["glcic"](small_config(phases__discriminator=0), MEAN).phases
    assert [phase_at(phases, t).name for t in range(4)] == ["completion"] * 2 + ["joint"] * 2
    with pytest.raises(ValueError, match="training ends at 4"):
        phase_at(phases, 4)


def test_step_counts_updates_and_is_a_function_of_the_state_alone(one):
    states, _ = one
    assert [int(state.step) for state in states] == list(range(7))


@pytest.mark.slow
def test_traced_and_static_phase_agree(one):
    """Accelerators choose the phase on the device; here that program runs on the CPU."""
    step = stepper(small_config(dtype="float64"), traced_phase=True)
    states, metrics = one
    for index in (0, 3, 5):
        after, values = step(states[index], make_batch(index))
        for name, value in values.items():
            np.testing.assert_allclose(value, metrics[index][name], rtol=1e-10, err_msg=name)
        assert_same_state(after, states[index + 1])


# The joint step, written a second time in tests.helpers.joint_step -------------------------------


def test_joint_step_equals_the_reference_twice_over(one):
    """Covers D before C, D's update without leftovers of C's step, alpha, and learning rate 1."""
    states, metrics = one
    for index in (4, 5):
        expected, norms = reference(states[index], index)
        for name, value in norms.items():
            np.testing.assert_allclose(metrics[index][name], value, rtol=1e-10, err_msg=name)
        assert_same_state(states[index + 1], expected)


@pytest.mark.slow
@pytest.mark.parametrize("devices", [4, 1])
def test_a_balanced_weight_makes_both_terms_gradients_equal(one, devices):
    """The reference finds alpha by the Jacobian of both terms, over the whole batch at once."""
    config = small_config(adversarial__weight="balanced", dtype="float64")
    after, metrics = stepper(config, devices)(one[0][4], make_batch(4))
    expected, norms = reference(one[0][4], 4, balanced=True)
    for name, value in norms.items():
        np.testing.assert_allclose(metrics[name], value, rtol=1e-10, err_msg=name)
    assert_same_state(after, expected)
    alpha = metrics["grad_norm/reconstruction"] / metrics["grad_norm/adversarial"]
    assert_same_state(after, reference(one[0][4], 4, alpha=alpha)[0])


@pytest.mark.slow
def test_the_reference_would_notice_an_uncomposited_fake(one):
    _, norms = reference(one[0][4], 4, composited=False)
    ours = one[1][4]["loss/discriminator"]
    assert abs(ours - norms["loss/discriminator"]) > 1e-3 * abs(ours)


@pytest.mark.slow
def test_the_reference_would_notice_a_missing_adversarial_term(one):
    _, norms = reference(one[0][4], 4, alpha=0.0)
    ours = one[1][4]["grad_norm/completion"]
    assert abs(ours - norms["grad_norm/completion"]) > 1e-4 * abs(ours)


def test_the_mask_channel_is_learnt_from(one):
    before, after = (
        s.networks["completion"].params["layer1"]["conv"]["kernel"] for s in one[0][:2]
    )
    assert (before[:, :, 3] != after[:, :, 3]).all()


def test_the_average_follows_the_completion_network_and_completes():
    config = small_config(average_decay=0.75, discriminators=())
    config.phases.update(completion=3, discriminator=0, joint=0)
    states, _ = run_steps(config, 3)
    expected = states[0].networks["completion"].params
    for step, state in enumerate(states[1:]):
        new, kept = state.networks["completion"].params, min(0.75, (1 + step) / (10 + step))
        expected = jax.tree.map(
            lambda old, new, kept=kept: kept * old + (1 - kept) * new, expected, new
        )
    ours = states[-1].networks["completion_average"]
    equal = partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-9)  # float32 rounds near 0
    jax.tree.map(equal, ours.params, expected)
    method = METHODS["glcic"](config, MEAN)
    assert method.networks == ("completion_average",)
    image, mask = jnp.full((1, 16, 16, 3), 0.5), jnp.zeros((1, 16, 16, 1)).at[0, 4:8, 4:8].set(1)
    previews = jax.jit(method.previews)
    first, other = (
        previews(states[-1].replace(networks=networks), image, mask, jax.random.key(0))
        for networks in (
            {"completion_average": ours},
            {"completion_average": states[-1].networks["completion"]},
        )
    )
    assert (first["raw output"] != other["raw output"]).any()


@pytest.mark.slow
def test_batch_norm_per_device_still_gives_every_device_the_same_state(four):
    only = {"phases__discriminator": 0, "phases__joint": 0}
    config = small_config(sync_batch_norm=False, dtype="float64", **only)
    (_, after), (values,) = run_steps(config, 1, devices=4)
    synced = four[0][0]
    assert values["loss/mse"] != four[1][0]["loss/mse"]
    means = [s.networks["completion"].batch_stats["norm1"]["norm"]["mean"] for s in (after, synced)]
    np.testing.assert_allclose(*means, rtol=1e-10)  # layer 1 sees the same inputs either way


# Settings ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("sides", [("local",), ("global",)])
def test_ablations_build_one_side_only(sides):
    method = METHODS["glcic"](small_config(discriminators=sides), MEAN)
    state = jax.eval_shape(method.init, jax.random.key(0))
    assert set(state.networks["discriminator"].params) == {*sides, "head"}


def test_without_discriminators_there_is_one_network():
    config = small_config(discriminators=(), phases__discriminator=0, phases__joint=0)
    method = METHODS["glcic"](config, MEAN)
    assert set(jax.eval_shape(method.init, jax.random.key(0)).networks) == {"completion"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"discriminators": ()}, "set phases.discriminator and phases.joint to 0"),
        ({"discriminators": ("local", "both")}, 'choose among "local" and "global"'),
        ({"local_patch": 64}, "64 pixels does not fit a crop of 32"),
        ({"adversarial__loss": "hinge"}, "choose non_saturating or saturating"),
        ({"adversarial__weight": -1.0}, "choose a number from 0 on"),
        ({"batch_norm_scale": "zeros"}, "choose uniform or ones"),
        ({"dilated_layers": 9}, "choose 4 to 8"),
        ({"dtype": "float16"}, "choose float32 or bfloat16"),
        ({"dtype": "float64"}, "choose float32 or bfloat16"),  # but for checks
    ],
)
def test_contradictory_settings_are_refused(changes, message):
    with pytest.raises(UserError, match=message):
        METHODS["glcic"](small_config(**changes), MEAN)


def test_batch_that_does_not_divide_is_refused():
    with pytest.raises(UserError, match="a batch of 8 does not divide over 3 devices"):
        shard(make_mesh(jax.devices()[:3]), make_batch(0))
