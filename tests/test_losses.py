import jax
import jax.numpy as jnp
import numpy as np
import pytest

from glcic_jax.losses import (
    discriminator_loss,
    masked_mse,
    non_saturating_loss,
    saturating_loss,
)

rng = np.random.default_rng(0)
target = jnp.asarray(rng.random((2, 8, 8, 3)), jnp.float32)
mask = jnp.zeros((2, 8, 8, 1)).at[0, 2:4, 3:7].set(1).at[1, 0, 0].set(1)
logits = jnp.asarray(rng.normal(size=6) * 3, jnp.float32)


def sigmoid(x):
    return 1 / (1 + np.exp(-np.asarray(x, np.float64)))


def test_masked_mse_by_hand():
    output = target + 0.5
    # 9 of 128 pixels are holes, each off by 0.5 in all three channels
    np.testing.assert_allclose(masked_mse(output, target, mask), 0.25 * 9 / 128, rtol=1e-5)


def test_known_pixels_do_not_count():
    noise = jnp.where(mask == 1, 0.0, 9.0)
    assert masked_mse(target + noise, target, mask) == 0
    gradient = jax.grad(masked_mse)(target + 1, target, mask)
    assert (np.asarray(gradient)[np.broadcast_to(mask == 0, gradient.shape)] == 0).all()


def test_discriminator_loss_is_the_binary_cross_entropy():
    real, completed = logits[:3], logits[3:]
    expected = -np.log(sigmoid(real)).mean() - np.log(1 - sigmoid(completed)).mean()
    np.testing.assert_allclose(discriminator_loss(real, completed), expected, rtol=1e-6)


def test_the_two_adversarial_terms_are_those_of_the_paper():
    np.testing.assert_allclose(
        non_saturating_loss(logits), -np.log(sigmoid(logits)).mean(), rtol=1e-6
    )
    np.testing.assert_allclose(
        saturating_loss(logits), np.log(1 - sigmoid(logits)).mean(), rtol=1e-6
    )


@pytest.mark.parametrize("loss", [non_saturating_loss, saturating_loss])
def test_adversarial_terms_fall_as_completions_look_more_real(loss):
    assert (np.asarray(jax.grad(loss)(logits)) < 0).all()


def test_only_the_non_saturating_term_teaches_against_a_sure_discriminator():
    sure = jnp.full(4, -12.0)
    weak, strong = (abs(jax.grad(f)(sure)).sum() for f in (saturating_loss, non_saturating_loss))
    assert weak < 1e-4 < 0.9 < strong


def test_losses_stay_finite_at_extreme_logits():
    extreme = jnp.asarray([-1e4, 1e4], jnp.float32)
    for value in (
        discriminator_loss(extreme, extreme),
        non_saturating_loss(extreme),
        saturating_loss(extreme),
    ):
        assert np.isfinite(value)
