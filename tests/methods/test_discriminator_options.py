"""What GLCIC's discriminator may have that the paper's has not: its own rate, spectral norm, R1."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec

from glcic_jax.methods.by_name import METHODS
from glcic_jax.methods.glcic.discriminators import ContextDiscriminator
from glcic_jax.methods.spectral_norm import first_vectors, spectrally_normal
from glcic_jax.runtime.devices import make_mesh
from glcic_jax.runtime.errors import UserError
from tests.helpers.small import MEAN, first_state, make_batch, small_config, stepper

rng = np.random.default_rng(3)
PARAMS = {
    "conv": {"kernel": jnp.asarray(rng.normal(size=(3, 3, 2, 5)), jnp.float32)},
    "fc": {"kernel": jnp.asarray(rng.normal(size=(6, 4)), jnp.float32), "bias": jnp.ones(4)},
}


def alone(function):
    """A function inside shard_map, on one device."""
    whole = PartitionSpec()
    mesh = make_mesh(jax.devices()[:1])
    return jax.jit(jax.shard_map(function, mesh=mesh, in_specs=whole, out_specs=whole))


def largest(kernel):
    return np.linalg.svd(np.asarray(kernel, float).reshape(-1, kernel.shape[-1]))[1][0]


def converged(params):
    vectors = first_vectors(params, jax.random.key(0))
    step = alone(lambda vectors: spectrally_normal(params, vectors)[1])
    for _ in range(60):
        vectors = step(vectors)
    return vectors


def test_spectral_norm_divides_kernels_by_their_largest_singular_values():
    normal, _ = alone(partial(spectrally_normal, PARAMS))(converged(PARAMS))
    for layer in ("conv", "fc"):
        kernel = PARAMS[layer]["kernel"]
        np.testing.assert_allclose(normal[layer]["kernel"], kernel / largest(kernel), rtol=1e-4)
    np.testing.assert_array_equal(normal["fc"]["bias"], PARAMS["fc"]["bias"])


def test_gradients_flow_through_the_singular_value():
    """The derivative of W / s, by differences of numpy's singular values."""
    weights, vectors = rng.normal(size=(6, 4)), converged({"fc": PARAMS["fc"]})
    kernel = np.asarray(PARAMS["fc"]["kernel"], float)

    def value(kernel):
        normal, _ = spectrally_normal({"fc": {**PARAMS["fc"], "kernel": kernel}}, vectors)
        return jnp.sum(normal["fc"]["kernel"] * weights)

    gradient = alone(jax.grad(value))(PARAMS["fc"]["kernel"])
    for index in ((0, 0), (3, 2), (5, 1)):
        step = np.zeros_like(kernel)
        step[index] = 1e-5
        ends = [np.sum(weights * k / largest(k)) for k in (kernel + step, kernel - step)]
        np.testing.assert_allclose(gradient[index], (ends[0] - ends[1]) / 2e-5, rtol=1e-2)


def test_without_batch_norm_a_discriminator_has_no_statistics():
    shapes = {}
    for norm in ("batch", "spectral", "none"):
        method = METHODS["glcic"](small_config(discriminator_norm=norm), MEAN)
        shapes[norm] = jax.eval_shape(method.init, jax.random.key(0)).networks["discriminator"]
    assert "norm1" in shapes["batch"].params["local"]
    assert set(shapes["spectral"].params["local"]) == set(shapes["none"].params["local"])
    assert "norm1" not in shapes["none"].params["local"]
    assert shapes["none"].batch_stats == {}
    kernels = [a for a in jax.tree.leaves(shapes["spectral"].params) if a.ndim > 1]
    lengths = sorted(a.shape for a in shapes["spectral"].batch_stats.values())
    assert lengths == sorted(kernel.shape[-1:] for kernel in kernels)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"discriminator_norm": "layer"}, "choose batch or spectral or none"),
        ({"adversarial__r1": 10.0}, "set discriminator_norm to spectral or none"),
        ({"adversarial__r1": -1.0, "discriminator_norm": "none"}, "choose a number from 0 on"),
        ({"optimizer__cosine": 5, "optimizer__steps": (3,)}, "two schedules"),
    ],
)
def test_settings_that_cannot_work_are_refused(changes, message):
    config = small_config()
    with config.unlocked():
        config.adversarial.r1, config.optimizer.steps = 0.0, ()
        config.discriminator_norm = "batch"
        for name, value in changes.items():
            *path, last = name.split("__")
            node = config
            for part in path:
                node = node[part]
            node[last] = value
    with pytest.raises(UserError, match=message):
        METHODS["glcic"](config, MEAN)


# The update of phase 2 ---------------------------------------------------------------------------


def judged(**changes):
    """The state before and after one update of phase 2, by plain gradient descent."""
    config = small_config(phases__completion=0)
    optimizer = {"name": "sgd", "learning_rate": 0.5}
    config.optimizer = type(config)(optimizer | changes.pop("optimizer", {}))
    with config.unlocked():
        for name, value in changes.items():
            config[name] = value
    state = first_state(config)
    return config, state, *stepper(config)(state, make_batch(0))


@pytest.mark.slow
def test_the_discriminator_moves_at_its_own_rate():
    _, before, after, _ = judged(optimizer={"discriminator_learning_rate": 0.125})
    _, _, as_other, _ = judged()
    for old, own, other in zip(
        *(jax.tree.leaves(s.networks["discriminator"].params) for s in (before, after, as_other)),
        strict=True,
    ):
        np.testing.assert_allclose(own - old, (other - old) / 4, rtol=1e-3, atol=1e-6)


@pytest.mark.slow
def test_r1_adds_the_square_of_the_slope_at_real_pictures():
    """Against the network itself, both pictures of which are cut out by hand."""
    adversarial = {"loss": "non_saturating", "weight": 4e-4}
    config, before, after, metrics = judged(
        discriminator_norm="none", adversarial={**adversarial, "r1": 20.0}
    )
    _, _, without, _ = judged(discriminator_norm="none", adversarial=adversarial)
    module = ContextDiscriminator(train=True, width=config.width, norm="none")
    batch = make_batch(0)
    image = batch["image"].astype(np.float32) / 255
    rows = []
    for mask in batch["other_mask"][..., 0]:
        spots = np.argwhere(mask)
        middle = (spots.min(0) + spots.max(0) + 1) // 2
        rows.append(np.clip(middle - 8, 0, 16))

    def slope(params):
        def total(image):
            patch = jnp.stack(
                [
                    picture[top : top + 16, left : left + 16]
                    for picture, (top, left) in zip(image, rows, strict=True)
                ]
            )
            return jnp.sum(module.apply({"params": params}, image, patch))

        return jnp.mean(jnp.sum(jax.grad(total)(image) ** 2, axis=(1, 2, 3)))

    params = before.networks["discriminator"].params
    value, gradient = jax.jit(jax.value_and_grad(slope))(params)
    np.testing.assert_allclose(metrics["loss/r1"], value, rtol=1e-3)
    for with_it, plain, expected in zip(
        *(jax.tree.leaves(s.networks["discriminator"].params) for s in (after, without)),
        jax.tree.leaves(gradient),
        strict=True,
    ):
        np.testing.assert_allclose(with_it - plain, -0.5 * 10 * expected, rtol=0.02, atol=1e-5)


@pytest.mark.slow
def test_spectral_norm_and_r1_train_jointly_on_several_devices():
    config = small_config(phases__completion=0, phases__discriminator=0)
    with config.unlocked():
        config.discriminator_norm, config.adversarial.r1 = "spectral", 1.0
    state = first_state(config)
    before = state.networks["discriminator"].batch_stats
    state, metrics = stepper(config, devices=4)(state, make_batch(0))
    assert all(np.isfinite(value) for value in metrics.values())
    assert metrics["loss/r1"] > 0
    after = state.networks["discriminator"].batch_stats
    assert all((before[name] != after[name]).any() for name in before if len(before[name]) > 1)
    np.testing.assert_allclose([np.linalg.norm(v) for v in after.values()], 1, rtol=1e-5)
