"""AmbientGAN: what was hidden has no part in it, and devices agree."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import glcic_jax
from configs import ambient_faces64
from glcic_jax.data.measurement import MeasuredPictures
from glcic_jax.data.sources import open_source
from glcic_jax.data.transforms import framed
from glcic_jax.main import run
from glcic_jax.masks.kinds import make_hole
from glcic_jax.methods.by_name import METHODS
from glcic_jax.runtime.devices import make_mesh
from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.run_folder import read_records
from glcic_jax.train.step import one_phase
from tests.helpers.pictures import photograph, save
from tests.helpers.small import (
    MEAN,
    assert_same_network,
    change,
    first_state,
    make_batch,
    small_config,
    stepper,
)


def tiny(**changes):
    config = ambient_faces64.get_config()
    config.width = config.discriminator_width = 4
    config.data.update(source="folder", crop=32, resize=(32, 32), batch_size=8, threads=2)
    config.data.measurement.noise = 0.05
    config.holes.update(shortest=12, longest=12)
    config.reconstruction = 10.0
    config.adversarial.update(loss="wasserstein", gradient_penalty=10.0)
    config.phases.adversarial = 4
    return change(config, changes)


@pytest.fixture(scope="module")
def start():
    return first_state(tiny(dtype="float64"))


@pytest.fixture(scope="module")
def one():
    return stepper(tiny(dtype="float64"))


@pytest.fixture(scope="module")
def first(one, start):
    return one(start, make_batch(0))


@pytest.mark.slow
def test_what_is_hidden_has_no_part_in_a_step(one, start, first):
    batch = make_batch(0)
    noise = np.random.default_rng(0).integers(0, 256, batch["image"].shape, np.uint8)
    poisoned = batch | {"image": np.where(batch["mask"] > 0, noise, batch["image"])}
    assert (poisoned["image"] != batch["image"]).any()
    jax.tree.map(np.testing.assert_array_equal, first, one(start, poisoned))


@pytest.mark.slow
def test_device_count_changes_no_loss_and_no_gradient(one, start, first):
    four = stepper(tiny(dtype="float64"), devices=4)
    second = one(first[0], make_batch(1))
    for ours, theirs in (
        (first, four(start, make_batch(0))),
        (second, four(first[0], make_batch(1))),
    ):
        for name in ours[1]:
            np.testing.assert_allclose(ours[1][name], theirs[1][name], rtol=1e-10, err_msg=name)
        for name in ours[0].networks:
            assert_same_network(ours[0].networks[name], theirs[0].networks[name])


@pytest.mark.slow
def test_both_networks_move_and_all_losses_are_reported(start, first):
    state, metrics = first
    for name, network in state.networks.items():
        before, after = start.networks[name].params["layer1"], network.params["layer1"]
        assert (before["conv"]["kernel"] != after["conv"]["kernel"]).all(), name
    assert set(metrics) == set(METHODS["ambient_gan"](tiny(), MEAN).phases[0].metrics)
    assert all(np.isfinite(value) for value in metrics.values())


@pytest.mark.parametrize(("loss", "penalty"), [("non_saturating", 0.0), ("wasserstein", 10.0)])
@pytest.mark.slow
def test_the_recipe_reports_what_its_phase_names(loss, penalty):
    config = tiny(
        adversarial__loss=loss,
        adversarial__gradient_penalty=penalty,
        reconstruction=0.0,
        data__measurement__noise=0.0,
    )
    method = METHODS["ambient_gan"](config, MEAN)
    state = jax.eval_shape(method.init, jax.random.key(0))
    batch = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype), make_batch(0))
    step = one_phase(make_mesh(jax.devices()[:1]), method.phases[0])
    after, metrics = jax.eval_shape(step, state, batch)
    assert set(metrics) == set(method.phases[0].metrics)
    assert ("accuracy/real" in metrics) == (loss == "non_saturating")
    assert ("loss/penalty" in metrics) == (penalty > 0)
    assert jax.tree.structure(after) == jax.tree.structure(state)


# Completion and refusals ------------------------------------------------------------------------


def test_known_pixels_are_kept_and_hidden_ones_are_never_read(start):
    batch = make_batch(2)
    complete = jax.jit(METHODS["ambient_gan"](tiny(), MEAN).complete)
    image, mask = jnp.asarray(batch["image"] / 255, jnp.float32), jnp.asarray(batch["mask"] * 1.0)
    image, mask = image[:, :30, :27], mask[:, :30, :27].astype(jnp.float32)
    key = jax.random.key(0)
    completed = complete(start, image, mask, key)
    np.testing.assert_array_equal(jnp.where(mask > 0, 0, completed - image), 0)
    np.testing.assert_array_equal(completed, complete(start, image + mask, mask, key))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"adversarial__loss": "hinge"}, 'adversarial.loss is "hinge": choose wasserstein or'),
        ({"adversarial__gradient_penalty": 0.0}, "nothing bounds a Wasserstein critic"),
        ({"adversarial__gradient_penalty": -1.0}, "penalty is -1.0: choose a number from 0 on"),
        ({"reconstruction": -1.0}, "reconstruction is -1.0: choose a number from 0 on"),
        ({"dtype": "float16"}, "choose float32 or bfloat16"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(changes, message):
    with pytest.raises(UserError, match=message):
        METHODS["ambient_gan"](tiny(**changes), MEAN)


def test_whole_and_measured_pictures_are_for_their_own_methods(tmp_path):
    whole = tiny()
    del whole.data.measurement
    whole.data.measurement = None
    with pytest.raises(UserError, match="ambient_gan learns from measured pictures: give data.mea"):
        run(whole, tmp_path / "run")
    measured = small_config()
    measured.data.measurement = {"noise": 0.0}
    with pytest.raises(UserError, match="glcic learns from whole pictures: leave out data.measur"):
        run(measured, tmp_path / "run")
    with pytest.raises(UserError, match="box cover all of 32x32 pixels"):
        run(tiny(holes__shortest=32, holes__longest=32, data__root=str(tmp_path)), tmp_path / "run")


# From end to end --------------------------------------------------------------------------------


def folder_config(root):
    config = tiny(data__root=str(root), data__held_out=0.25, data__held_out_examples=4)
    config.data.min_edge = 16
    config.data.measurement.noise = 0.0
    config.every.update(log=1, images=2, evaluate=2, checkpoint=2)
    return config


@pytest.mark.slow
def test_a_run_on_poisoned_pictures_is_the_same_bit_for_bit(tmp_path):
    """Looks for leaks from end to end, with noise where training's measurements hide pictures."""
    for number in range(16):
        save(tmp_path / "clean" / f"{number:02}.png", photograph(number, 32, 32))
        save(tmp_path / "poisoned" / f"{number:02}.png", photograph(number, 32, 32))
    config = folder_config(tmp_path / "clean")
    source = open_source(config.data).train
    measured = MeasuredPictures(
        source,
        frame=partial(framed, resize=(32, 32), crop=32, flip=False),
        hole=make_hole(config.holes, 32, 32),
        noise=0.0,
        seed=config.seed,
    )
    for number, name in enumerate(source.names):
        noise = np.random.default_rng(number).integers(0, 256, (32, 32, 3), np.uint8)
        poisoned = np.where(measured[number]["mask"] > 0, noise, source[number])
        save(tmp_path / "poisoned" / name, poisoned)
    records = []
    for name in ("clean", "poisoned"):
        run(folder_config(tmp_path / name), tmp_path / "runs" / name)
        records.append(
            [
                {k: v for k, v in record.items() if k.startswith(("loss/", "grad_", "held_out/"))}
                for record in read_records(tmp_path / "runs" / name)
            ]
        )
    assert records[0] == records[1]
    assert sum("loss/adversarial" in record for record in records[0]) == 4
    image, mask = photograph(99, 50, 70), np.zeros((50, 70), np.uint8)
    mask[10:30, 20:50] = 1
    completed = [glcic_jax.load(tmp_path / "runs" / n)(image, mask) for n in ("clean", "poisoned")]
    np.testing.assert_array_equal(completed[0], completed[1])
    assert (completed[0][mask == 1] != image[mask == 1]).any()
    np.testing.assert_array_equal(completed[0][mask == 0], image[mask == 0])
