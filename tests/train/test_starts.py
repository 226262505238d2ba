"""A run that starts from trained networks completes at step 0 as these do, bit for bit."""

import zipfile
from pathlib import Path

import jax
import numpy as np
import pytest
from ml_collections import ConfigDict

from glcic_jax.convert.from_run import from_run
from glcic_jax.main import run
from glcic_jax.methods.by_name import METHODS
from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.run_folder import read_config, read_records
from glcic_jax.train.start import known_mean_pixel, read_start, with_networks
from glcic_jax.types import TrainState
from glcic_jax.weights.address import open_trained
from glcic_jax.weights.checkpoint import Checkpoints
from glcic_jax.weights.exchange import write_exchange
from tests.helpers.methods import every_method, small_config_of
from tests.helpers.runs import tiny, write_pictures
from tests.helpers.small import MEAN, change, make_batch, small_config

GOLDEN = Path(__file__).parents[1] / "golden" / "run_936b96c.zip"


def drawn(method, seed):
    """Returns a state of the method in which every array is random, the averages too."""
    rng = np.random.default_rng(seed)

    def draw(path, leaf):
        if leaf.ndim == 0:
            return np.zeros((), leaf.dtype)
        small = rng.normal(0, 0.1, leaf.shape).astype(leaf.dtype)
        return 1 + small**2 if "var" in jax.tree_util.keystr(path) else small

    state = jax.eval_shape(method.init, jax.random.key(0))
    return jax.tree_util.tree_map_with_path(draw, state)


def save_donor(folder, config):
    """Saves two different checkpoints and converts one; returns the addresses."""
    method, run_folder = METHODS[config.method](config, MEAN), folder / "run"
    about = {"config": config.to_dict(), "mean_pixel": MEAN}
    with Checkpoints(run_folder, keep=2) as checkpoints:
        for step in (3, 5):
            checkpoints.save(step, drawn(method, step), about=about, metrics={})
    write_exchange(from_run(open_trained(run_folder, 3)), folder / "weights")
    return run_folder, f"{run_folder}@3", folder / "weights", folder / "weights/model.safetensors"


def completed(method, state, crop):
    """Completes four pictures as training does to score a network."""
    batch = make_batch(0, size=4, crop=crop)
    image, mask = batch["image"] / np.float32(255), batch["mask"].astype(np.float32)
    needed = {n: state.networks[n].replace(opt_state=None) for n in method.networks}
    shown = jax.jit(method.previews)(TrainState(state.step, needed), image, mask, jax.random.key(0))
    return np.asarray(shown["completed"])


def at_step_0(config, donor):
    method = METHODS[config.method](config, donor.mean_pixel)
    return method, with_networks(drawn(method, 99), read_start(config, method, donor))


def trained_parts(network):
    return network.params, network.batch_stats


def assert_starts_as_the_donor_completes(config, address):
    """Compares all networks that complete; returns what the run has in them."""
    donor = open_trained(address)
    method, state = at_step_0(config, donor)
    trained = donor.completing()[1].networks.values()
    ours = [trained_parts(state.networks[name]) for name in method.networks]
    jax.tree.map(np.testing.assert_array_equal, ours, [trained_parts(n) for n in trained])
    return state, ours


@pytest.mark.parametrize("name", every_method())
def test_every_method_starts_from_runs_steps_and_weights(name, tmp_path):
    config = small_config_of(name)
    found = [
        assert_starts_as_the_donor_completes(config, address)[1]
        for address in save_donor(tmp_path, config)
    ]
    latest, step_3, *weights = map(jax.tree.leaves, found)
    for theirs in weights:  # they are those of RUN@3
        jax.tree.map(np.testing.assert_array_equal, theirs, step_3)
    assert (latest[0] != step_3[0]).any()


@pytest.mark.slow
@pytest.mark.parametrize("name", every_method())
def test_every_method_completes_at_step_0_as_its_donor(name, tmp_path):
    config = small_config_of(name)
    run_folder, _, weights, _ = save_donor(tmp_path, config)
    for address in (run_folder, weights):
        assert_completes_as_the_donor(config, address)


def assert_completes_as_the_donor(config, address):
    donor = open_trained(address)
    ours = completed(*at_step_0(config, donor), config.data.crop)
    np.testing.assert_array_equal(ours, completed(*donor.completing(), config.data.crop))


@pytest.mark.parametrize("theirs", [0.0, 0.9])
@pytest.mark.parametrize("ours", [0.0, 0.9])
def test_a_network_and_its_average_start_from_what_completes(theirs, ours, tmp_path):
    run_folder, _, weights, _ = save_donor(tmp_path, small_config(average_decay=theirs))
    config = small_config(average_decay=ours)
    for address in (run_folder, weights):
        state, (completing,) = assert_starts_as_the_donor_completes(config, address)
        trained = trained_parts(state.networks["completion"])
        jax.tree.map(np.testing.assert_array_equal, trained, completing)


def test_a_method_that_learns_from_measurements_starts_from_glcics_network(tmp_path):
    run_folder, _, weights, _ = save_donor(tmp_path, small_config(average_decay=0.9))
    for address in (run_folder, weights):
        assert_starts_as_the_donor_completes(small_config_of("ambient_gan"), address)


def test_a_run_of_an_older_version_is_a_start(tmp_path):
    zipfile.ZipFile(GOLDEN).extractall(tmp_path)
    config = ConfigDict(read_config(tmp_path / "run"))
    change(config, {"phases__joint": 9, "average_decay": 0.5})
    for address in ("run", "run@5", "weights"):
        assert_starts_as_the_donor_completes(config, f"{tmp_path}/{address}")
    assert_completes_as_the_donor(config, tmp_path / "run")


def test_runs_of_other_methods_and_widths_are_refused_in_a_line(tmp_path):
    run_folder, _, weights, _ = save_donor(tmp_path, small_config())
    donor = open_trained(run_folder)
    for name in set(every_method()) - {"glcic", "ambient_gan"}:
        with pytest.raises(UserError, match=f'"{name}" cannot start from it'):
            at_step_0(small_config_of(name), donor)
    for address in (run_folder, weights):
        donor = open_trained(address)
        with pytest.raises(UserError, match=r"is \(4,\) and this run's \(6,\): give the config"):
            at_step_0(small_config(width=6), donor)
        with pytest.raises(UserError, match="smooth_holes is False there and True here"):
            at_step_0(small_config(smooth_holes=True), donor)


def test_another_mean_pixel_than_the_start_was_trained_with_is_refused(tmp_path):
    donor = open_trained(save_donor(tmp_path, small_config())[0])
    config, new = small_config(), tmp_path / "new"
    assert known_mean_pixel(config, new, donor) == MEAN
    config.data.mean_pixel = MEAN
    assert known_mean_pixel(config, new, donor) == MEAN
    config.data.mean_pixel = (0.5, 0.5, 0.5)
    assert known_mean_pixel(config, new, None) == (0.5, 0.5, 0.5)
    with pytest.raises(UserError, match=r"leave data.mean_pixel out") as refused:
        known_mean_pixel(config, new, donor)
    assert str(donor.address) in str(refused.value)


@pytest.mark.slow
def test_a_run_begins_with_the_score_that_its_start_ended_with(tmp_path):
    (tmp_path / "pictures").mkdir()
    pictures = write_pictures(tmp_path / "pictures")
    config = tiny(pictures, average_decay=0.9, every__checkpoint=3)
    run(config, tmp_path / "base")
    ended = [r for r in read_records(tmp_path / "base") if r["kind"] == "held_out"]
    for name, address, expected in (("new", "base", ended[-1]), ("other", "base@3", ended[0])):
        config.init_from = f"{tmp_path}/{address}"
        config.phases.completion = 1
        run(config, tmp_path / name)
        first = next(r for r in read_records(tmp_path / name) if r["kind"] == "held_out")
        assert first == expected | {"step": 0}
