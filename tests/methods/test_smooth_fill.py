"""Smooth fills against a sparse solver, and GLCIC's network that adds to them."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from glcic_jax.complete.completer import Completer, make_complete_fn
from glcic_jax.layers.smooth_fill import ALIGNMENT, smooth_fill
from glcic_jax.methods.by_name import METHODS
from glcic_jax.methods.procedural.fills import FILLS
from glcic_jax.runtime.errors import UserError
from glcic_jax.train.step import init_key
from glcic_jax.weights.exchange import read_exchange, write_exchange
from glcic_jax.weights.glcic import CompletionWeights, completion_shapes, fold
from tests.helpers.small import MEAN, make_batch, run_steps, small_config

fill = jax.jit(smooth_fill)


def picture(height, width, seed=0):
    """Draws waves of all lengths from 8 pixels on, [1, height, width, 3]."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    waves = [
        np.sin(2 * np.pi * (rows * a + columns * b) + c)
        for a, b, c in rng.uniform(-1 / 16, 1 / 16, (24, 3)) * (1, 1, 99)
    ]
    planes = [sum(waves[channel::3]) for channel in range(3)]
    return (0.5 + np.stack(planes, -1) / 16)[None].astype(np.float32)


def box(height, width, top, left, bottom, right):
    mask = np.zeros((1, height, width, 1), np.float32)
    mask[:, top:bottom, left:right] = 1
    return mask


@pytest.mark.reference
@pytest.mark.parametrize("corners", [(30, 40, 78, 100), (0, 0, 40, 30), (50, 90, 51, 150)])
def test_fills_are_about_the_sparse_solvers(corners):
    image, mask = picture(110, 150), box(110, 150, *corners)
    hole = mask[0, ..., 0] > 0
    exact = FILLS["laplace"](image, mask)[0][hole]
    ours = np.asarray(fill(image, mask))[0][hole]
    assert np.abs(ours - exact).mean() < 0.2 * exact.std()


def test_known_pixels_are_kept_and_what_holes_hold_is_never_read():
    image, mask = picture(110, 150), box(110, 150, 20, 30, 50, 60)
    filled = np.asarray(fill(image, mask))
    poisoned = np.where(mask > 0, np.float32(np.nan), image)
    np.testing.assert_array_equal(fill(poisoned, mask), filled)
    np.testing.assert_array_equal(filled[mask[..., 0] == 0], image[mask[..., 0] == 0])
    assert filled.min() >= 0 and filled.max() <= 1


def test_little_but_the_border_counts():
    image, mask = picture(256, 256), box(256, 256, 100, 100, 156, 156)
    far = np.ones((256, 256, 1), bool)
    far[36:220, 36:220] = False
    change = np.abs(fill(np.where(far, 1 - image, image), mask) - fill(image, mask))
    assert change[mask[..., 0] > 0].max() < 1 / 255


def test_a_picture_without_known_pixels_is_grey():
    np.testing.assert_allclose(fill(picture(110, 150), np.ones((1, 110, 150, 1), np.float32)), 0.5)


def random_weights(width=4):
    rng = np.random.default_rng(3)
    tensors = {
        name: np.abs(rng.normal(1, 0.1, shape)).astype(np.float32)
        if name.endswith("var")
        else rng.normal(0, 0.2, shape).astype(np.float32)
        for name, shape in completion_shapes(width).items()
    }
    return CompletionWeights(tensors=tensors, output="difference", mean_pixel=MEAN)


def test_the_network_adds_to_the_smooth_fill(tmp_path):
    """Checks that a last layer of zeros adds nothing, and that the exchange format keeps others."""
    image, mask = picture(110, 150), box(110, 150, 20, 30, 50, 60)
    weights = random_weights()
    nothing = {n: t * 0 if n.startswith("layer17") else t for n, t in weights.tensors.items()}
    silent = make_complete_fn(*replace(weights, tensors=nothing).completing())(image, mask)
    np.testing.assert_allclose(silent, fill(image, mask), atol=1e-6)
    completed = make_complete_fn(*weights.completing())(image, mask)
    assert np.abs(completed - silent).max() > 0.05
    assert completed.min() >= 0 and completed.max() <= 1
    write_exchange(weights, tmp_path / "weights", "float32")
    again = make_complete_fn(*read_exchange(tmp_path / "weights").completing())(image, mask)
    np.testing.assert_array_equal(again, completed)


@pytest.mark.slow
def test_the_network_starts_by_adding_nothing():
    alone = {"discriminators": (), "phases__discriminator": 0, "phases__joint": 0}
    method = METHODS["glcic"](small_config(smooth_holes=True, **alone), MEAN)
    image, mask = picture(64, 64), box(64, 64, 20, 20, 40, 44)
    completed = make_complete_fn(method, method.init(init_key(0)))(image, mask)
    np.testing.assert_allclose(completed, fill(image, mask), atol=1e-6)


def test_batch_norm_folds_into_a_network_with_shortcuts():
    image, mask = picture(64, 64), box(64, 64, 20, 20, 40, 44)
    weights = random_weights()
    plain, folded = (
        make_complete_fn(*w.completing())(image, mask) for w in (weights, fold(weights))
    )
    np.testing.assert_allclose(folded, plain, atol=1e-5)


@pytest.mark.slow
def test_large_pictures_are_completed_from_windows(monkeypatch):
    method, state = random_weights().completing()
    assert method.alignment == ALIGNMENT
    completer = Completer(
        make_complete_fn(method, state), MEAN, 0, method.reach, method.alignment
    )  # fmt: skip
    image = np.rint(picture(576, 640)[0] * 255).astype(np.uint8)
    mask = box(576, 640, 500, 40, 530, 100)[0, ..., 0] > 0
    whole = completer(image, mask)
    monkeypatch.setattr("glcic_jax.complete.completer.LARGE", 0)
    assert np.abs(completer(image, mask).astype(int) - whole).max() <= 1


@pytest.mark.slow
def test_it_trains_with_adam():
    config = small_config(smooth_holes=True)
    config.optimizer = {"name": "adam", "learning_rate": 1e-3, "b1": 0.9}
    states, metrics = run_steps(config, 1)
    batch = make_batch(0)
    image, mask = batch["image"] / np.float32(255), batch["mask"].astype(np.float32)
    method = METHODS["glcic"](config, MEAN)
    raw = method.previews(jax.tree.map(jnp.asarray, states[0]), image, mask, jax.random.key(0))
    assert raw["completed"].shape == image.shape
    assert metrics[0]["loss/mse"] > 0
    moved = jax.tree.map(
        lambda a, b: np.abs(a - b).max(),
        states[0].networks["completion"].params,
        states[1].networks["completion"].params,
    )
    # The first step of Adam is the learning rate, whatever the gradient's size.
    assert max(jax.tree.leaves(moved)) == pytest.approx(1e-3, rel=0.01)


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        ({"name": "lamb"}, 'optimizer.name is "lamb": choose adadelta or adam'),
        ({"name": "adam", "rho": 0.9}, "optimizer.rho: adam has no such setting"),
    ],
)
def test_other_optimizers_are_refused(optimizer, message):
    config = small_config()
    config.optimizer = {"learning_rate": 1.0, **optimizer}
    with pytest.raises(UserError, match=message):
        METHODS["glcic"](config, MEAN)
