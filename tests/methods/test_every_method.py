"""What holds for every method in METHODS, tried on the smallest of its configs."""

import shutil

import jax
import numpy as np
import pytest

from glcic_jax.main import run
from glcic_jax.methods.by_name import METHODS
from glcic_jax.runtime.run_folder import read_records
from glcic_jax.train.step import init_key
from tests.helpers.checkpoints import assert_equal, restore
from tests.helpers.methods import config_of, every_method, names, small_config_of
from tests.helpers.runs import write_pictures
from tests.helpers.small import MEAN, first_state, make_batch, stepper

DOUBLE = ("lama",)
"""Methods whose rounding in float32 grows beyond the tolerance: their batch norm divides by the
spread of few numbers, and their losses have weights up to 100."""


def test_every_method_has_a_config_and_every_config_a_method():
    assert {config_of(name).method for name in names()} == set(METHODS)


@pytest.mark.parametrize("name", every_method())
def test_known_pixels_stay_and_what_a_hole_hides_is_never_read(name):
    config = small_config_of(name)
    method = METHODS[name](config, MEAN)
    state = method.init(init_key(0))
    batch = make_batch(0, 2, config.data.crop)
    image, mask = batch["image"].astype(np.float32) / 255, batch["mask"].astype(np.float32)
    if method.middle:  # it fills the middle of a picture, nothing else
        around = (config.data.crop - method.middle) // 2
        mask = np.zeros_like(mask)
        mask[:, around:-around, around:-around] = 1
    complete = jax.jit(method.complete)
    key = jax.random.key(2)
    completed = np.asarray(complete(state, image, mask, key))
    known = np.broadcast_to(mask == 0, image.shape)
    np.testing.assert_array_equal(completed[known], image[known])
    assert 0 <= completed.min() <= completed.max() <= 1
    other = np.where(mask > 0, 1 - image, image)
    np.testing.assert_array_equal(complete(state, other, mask, key), completed)
    shown = jax.jit(method.previews)(state, image, mask, key)["completed"]
    assert shown.shape == image.shape


@pytest.mark.parametrize("name", every_method())
def test_a_phase_reports_the_gradients_of_the_networks_that_it_moves(name):
    for phase in METHODS[name](small_config_of(name), MEAN).phases:
        assert phase.moves
        assert {f"grad_norm/{network}" for network in phase.moves} <= set(phase.metrics)


@pytest.mark.slow
@pytest.mark.parametrize("name", every_method())
def test_one_device_and_four_make_the_same_update(name):
    config = small_config_of(name)
    *before, last = [phase for phase in config.phases if config.phases[phase]]
    config.phases.update(dict.fromkeys(before, 0))  # the last phase moves all networks there are
    (phase,) = [p for p in METHODS[name](config, MEAN).phases if p.steps]
    config.dtype = "float64" if name in DOUBLE else config.dtype
    batch, metrics = make_batch(0, 4, config.data.crop), {}
    for devices in (1, 4):
        before_it = first_state(config)
        state, metrics[devices] = stepper(config, devices)(first_state(config), batch)
        assert state.step == 1
        assert set(phase.metrics) == set(metrics[devices])
        assert set(phase.moves) == moved(before_it, state)
    for metric, value in metrics[1].items():
        np.testing.assert_allclose(value, metrics[4][metric], rtol=2e-3, err_msg=f"{last} {metric}")


def moved(before, after):
    """Returns the names of the networks whose optimizers have made an update."""
    states = {
        name: [jax.tree.leaves(state.networks[name].opt_state) for state in (before, after)]
        for name in before.networks
    }
    return {
        name
        for name, both in states.items()
        if any(not np.array_equal(*leaves) for leaves in zip(*both, strict=True))
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", every_method())
def test_a_resumed_run_goes_on_as_if_it_had_not_ended(name, tmp_path):
    config, whole, cut = small_config_of(name), tmp_path / "whole", tmp_path / "cut"
    *_, last = [phase for phase in config.phases if config.phases[phase]]
    config.phases[last] = 3
    config.every.update(log=1, images=9, evaluate=9, checkpoint=1)
    (tmp_path / "pictures").mkdir()
    pictures = str(write_pictures(tmp_path / "pictures"))
    config.data.update(root=pictures, source="folder", held_out=0.25)
    run(config, whole)
    # The same run, which ended before its last update.
    end = sum(config.phases.values())
    shutil.copytree(whole, cut)
    shutil.rmtree(cut / f"checkpoints/{end}")
    run(config, cut)
    assert f"found a checkpoint of step {end - 1}: resuming" in (cut / "log.txt").read_text()
    like = METHODS[name](config, MEAN).init(init_key(config.seed))
    assert_equal(*(restore(folder, like) for folder in (cut, whole)))
    ours, theirs = (losses(folder) for folder in (cut, whole))
    assert len(theirs) == end
    assert ours == theirs


def losses(folder):
    """Returns what the log has of every update, without times."""
    updates = [record for record in read_records(folder) if record["kind"] == "train"]
    return [{n: v for n, v in update.items() if "loss/" in n or n == "step"} for update in updates]
