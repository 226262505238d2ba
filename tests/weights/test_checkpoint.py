"""Checkpoints: a state comes back, the right steps are kept, what is not there is refused."""

import shutil

import jax
import jax.numpy as jnp
import pytest

from glcic_jax.runtime.devices import make_mesh, replicate
from glcic_jax.runtime.errors import UserError
from glcic_jax.weights.checkpoint import Checkpoints
from glcic_jax.weights.checkpoint_reader import read_about, restore_network
from tests.helpers.checkpoints import ABOUT, assert_equal, network, restore, save, state_at


def test_a_state_comes_back_bit_for_bit(tmp_path):
    save(tmp_path, [1, 2])
    assert_equal(restore(tmp_path), state_at(2))
    assert read_about(tmp_path)[0] == 2
    step, about = read_about(tmp_path, 1)
    assert step == 1
    assert about["mean_pixel"] == ABOUT["mean_pixel"]


def test_without_a_checkpoint_there_is_nothing_to_restore(tmp_path):
    assert restore(tmp_path) is None


def test_a_state_may_be_donated_while_it_is_written(tmp_path):
    donate = jax.jit(lambda s: jax.tree.map(lambda a: a * 0 - 1, s), donate_argnums=0)
    with Checkpoints(tmp_path, keep=2) as checkpoints:
        state = jax.tree.map(jnp.copy, state_at(5))
        checkpoints.save(5, state, about=ABOUT, metrics={})
        donate(state)
    assert_equal(restore(tmp_path), state_at(5))


@pytest.mark.parametrize(("before", "after"), [(4, 1), (1, 4)])
def test_the_number_of_devices_may_change(tmp_path, before, after):
    def on(count):
        return replicate(make_mesh(jax.devices()[:count]), state_at(3))

    with Checkpoints(tmp_path, keep=2) as checkpoints:
        checkpoints.save(3, on(before), about=ABOUT, metrics={})
    restored = restore(tmp_path, on(after))
    assert restored is not None
    assert len(restored.networks["other"].params["layer"]["kernel"].devices()) == after
    assert_equal(jax.device_get(restored), jax.device_get(state_at(3)))


def test_the_latest_the_best_and_the_ends_of_phases_are_kept(tmp_path):
    scores = dict(enumerate([0.9, 0.5, 0.1, 0.4, 0.3, 0.6, 0.7, 0.8]))
    assert save(tmp_path, range(8), scores, keep=2, keep_steps=(1,)) == [1, 2, 6, 7]


def test_what_is_not_finite_never_counts_as_best(tmp_path):
    scores = {1: 0.5, 2: float("nan"), 3: float("-inf"), 4: 0.9, 5: 0.8, 6: 0.7}
    assert save(tmp_path, range(1, 7), scores, keep=1) == [1, 6]


def test_the_best_is_still_kept_after_a_restart(tmp_path):
    scores = {1: 0.1, 2: 0.5, 3: 0.6, 4: 0.7, 5: 0.05, 6: 0.8, 7: 0.9}
    assert save(tmp_path, [1, 2], scores, keep=1) == [1, 2]
    assert save(tmp_path, [3, 4], scores, keep=1) == [1, 4]
    assert save(tmp_path, [5, 6, 7], scores, keep=1) == [5, 7]


def test_without_a_score_only_the_latest_are_kept(tmp_path):
    assert save(tmp_path, [1, 2, 3], {1: None, 2: float("nan"), 3: None}, keep=1) == [3]


def test_an_exception_lets_a_running_save_finish(tmp_path):
    with pytest.raises(ZeroDivisionError), Checkpoints(tmp_path, keep=2) as checkpoints:
        checkpoints.save(1, state_at(1), about=ABOUT, metrics={})
        raise ZeroDivisionError
    assert_equal(restore(tmp_path), state_at(1))


def test_saving_a_step_twice_keeps_the_first(tmp_path):
    assert save(tmp_path, [4, 4]) == [4]


def test_one_network_can_be_read_alone(tmp_path):
    save(tmp_path, [1, 2])
    shutil.rmtree(tmp_path / "checkpoints/2/other.params")
    shutil.rmtree(tmp_path / "checkpoints/2/completion.opt_state")
    like = jax.eval_shape(lambda: network((0, 0)))
    params, stats = restore_network(tmp_path, "completion", like)
    expected = state_at(2).networks["completion"]
    assert_equal((params, stats), (expected.params, expected.batch_stats))


def test_other_networks_are_refused(tmp_path):
    save(tmp_path, [1])
    like = jax.eval_shape(lambda: network((0, 0)))
    with pytest.raises(UserError, match="holds no generator network, but completion, other"):
        restore_network(tmp_path, "generator", like)
    with pytest.raises(UserError, match=r"kernel'\] is \[3, 6\] in the checkpoint and \[3, 8\]"):
        restore(tmp_path, state_at(0, width=8))


def test_missing_runs_and_steps_are_refused(tmp_path):
    with pytest.raises(UserError, match="no run folder with a checkpoint"):
        read_about(tmp_path / "nowhere")
    (tmp_path / "checkpoints").mkdir()
    with pytest.raises(UserError, match="no run folder with a checkpoint"):
        read_about(tmp_path)
    save(tmp_path, [1, 2])
    with pytest.raises(UserError, match=r"no checkpoint of step 7; there are \[1, 2\]"):
        read_about(tmp_path, 7)
