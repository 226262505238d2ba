"""What GLCIC learns by besides eq. (2): absolute errors, VGG16's features, a falling rate, rims."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec

from glcic_jax.methods.by_name import METHODS
from glcic_jax.methods.glcic.reconstruction import Reconstruction
from glcic_jax.runtime.devices import DATA, make_mesh
from glcic_jax.runtime.errors import UserError
from tests.helpers.small import MEAN, small_config

rng = np.random.default_rng(0)
image, output = rng.random((2, 4, 16, 16, 3)).astype(np.float32)
mask = (rng.random((4, 16, 16, 1)) < 0.3).astype(np.float32)


def measured(reconstruction, devices, output=output):
    mesh = make_mesh(jax.devices()[:devices])
    split, whole = PartitionSpec(DATA), PartitionSpec()
    measure = jax.shard_map(reconstruction, mesh=mesh, in_specs=(split,) * 3, out_specs=whole)
    return jax.device_get(jax.jit(measure)(output, image, mask))


def halves(picture):
    """Stands for VGG16: features that a test can compute by hand."""
    return [picture, 2 * picture[:, ::2, ::2]]


@pytest.mark.parametrize("devices", [1, 4])
def test_errors_and_features_by_hand(devices):
    difference = mask * (output - image)
    squares, absolute = np.square(difference).mean(), np.abs(difference).mean()
    loss, parts = measured(Reconstruction(), devices)
    assert (loss, parts) == (pytest.approx(squares), {"loss/mse": pytest.approx(squares)})
    loss, parts = measured(Reconstruction("l1"), devices)
    assert (loss, parts) == (pytest.approx(absolute), {"loss/l1": pytest.approx(absolute)})
    # Known pixels are put back before features are compared.
    features = absolute + 2 * np.abs(difference[:, ::2, ::2]).mean()
    both = Reconstruction("l1", halves, 0.5)
    loss, parts = measured(both, devices)
    assert set(parts) == set(both.metrics) == {"loss/l1", "loss/perceptual"}
    assert parts["loss/perceptual"] == pytest.approx(features, rel=1e-5)
    assert loss == pytest.approx(absolute + 0.5 * features, rel=1e-5)


def test_known_pixels_do_not_count():
    changed = np.where(mask > 0, output, 1 - output)
    both = Reconstruction("l1", halves, 0.5)
    assert measured(both, 1, changed) == measured(both, 1)


def test_metrics_have_the_names_that_phases_list():
    config = small_config(reconstruction="l1", perceptual="vgg16.safetensors")
    phases = METHODS["glcic"](config, MEAN).phases
    for phase in (phases[0], phases[2]):
        assert phase.metrics[:3] == ("loss/l1", "loss/perceptual", "grad_norm/completion")
    assert METHODS["glcic"](small_config(), MEAN).phases[0].metrics[0] == "loss/mse"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"reconstruction": "l3"}, 'reconstruction is "l3": choose mse or l1'),
        ({"perceptual_weight": -1.0}, "perceptual_weight"),
    ],
)
def test_other_losses_are_refused(changes, message):
    with pytest.raises(UserError, match=message):
        METHODS["glcic"](small_config(**changes), MEAN)


def test_weights_that_are_absent_are_refused_before_training():
    method = METHODS["glcic"](small_config(perceptual="absent.safetensors"), MEAN)
    with pytest.raises(UserError, match="absent.safetensors"):
        method.prepare()


def test_a_weight_without_features_is_noted():
    vain = METHODS["glcic"](small_config(perceptual_weight=0.1), MEAN).note
    assert vain.endswith(
        "features are not compared, as config.perceptual names no weights of VGG16"
    )
    for settings in ({}, {"perceptual_weight": 0.1, "perceptual": "vgg16.safetensors"}):
        assert "features" not in METHODS["glcic"](small_config(**settings), MEAN).note


def test_the_network_is_shown_the_given_picture():
    config = small_config(width=2)
    method = METHODS["glcic"](config, MEAN)
    assert method.given
    update: Any = method.phases[0].update
    glcic = update.__self__
    state = jax.eval_shape(method.init, jax.random.key(0))
    network = jax.tree.map(lambda leaf: jnp.full(leaf.shape, 0.1), state.networks["completion"])
    fill = jax.jit(partial(glcic.fill, network.params, network.batch_stats, train=False))
    batch = {"image": jnp.asarray(image), "mask": jnp.asarray(mask)}
    shown = fill(batch | {"given": batch["image"] / 2})[0]
    np.testing.assert_array_equal(shown, fill(batch | {"image": batch["image"] / 2})[0])
    assert np.abs(shown - fill(batch)[0]).max() > 0
