import jax
import jax.numpy as jnp
import numpy as np
import pytest

from glcic_jax.methods.losses import (
    critic_loss,
    discriminator_loss,
    gradient_penalty,
    masked_mse,
    non_saturating_loss,
    r1_penalty,
    saturating_loss,
    wasserstein_loss,
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


def test_a_critics_losses_by_hand():
    real, completed = jnp.asarray([1.0, 3.0]), jnp.asarray([0.5, -0.5])
    assert critic_loss(real, completed) == -2.0
    assert wasserstein_loss(completed) == 0.0
    assert (np.asarray(jax.grad(wasserstein_loss)(completed)) == -0.5).all()


def test_the_penalty_of_a_linear_critic_is_that_of_its_slope():
    slope = jnp.asarray(rng.normal(size=(8, 8, 4)), jnp.float32)
    slope *= 3 / jnp.linalg.norm(slope)
    real, completed = jnp.asarray(rng.random((2, 5, 8, 8, 4)), jnp.float32)
    share = jnp.asarray(rng.random((5, 1, 1, 1)), jnp.float32)

    def penalty(factor):
        return gradient_penalty(lambda x: jnp.sum(factor * slope * x, (1, 2, 3)), *both, share)

    both = real, completed
    np.testing.assert_allclose(penalty(1.0), 4.0, rtol=1e-5)
    np.testing.assert_allclose(jax.grad(penalty)(1.0), 2 * 2 * 3, rtol=1e-5)
    assert np.isfinite(jax.grad(penalty)(0.0))  # a critic without slope has a gradient all the same


def test_the_penalty_looks_between_the_two_pictures():
    real, completed = jnp.ones((1, 2, 2, 1)), jnp.zeros((1, 2, 2, 1))
    for share in (0.0, 0.25, 1.0):
        penalty = gradient_penalty(  # the slope of x^2 is 2x in each of four values
            lambda x: jnp.sum(x**2, (1, 2, 3)), real, completed, jnp.full((1, 1, 1, 1), share)
        )
        np.testing.assert_allclose(penalty, (4 * share - 1) ** 2, atol=1e-4)


def test_the_r1_penalty_is_the_squared_slope_of_a_linear_judge():
    slope = rng.normal(size=(8, 8, 3))
    penalty = r1_penalty(lambda x: jnp.sum(x * slope, axis=(1, 2, 3)) + 5, target)
    np.testing.assert_allclose(penalty, np.square(slope).sum(), rtol=1e-5)
    # D(x) = |x|^2 / 2 has the gradient x.
    penalty = r1_penalty(lambda x: jnp.sum(x**2, axis=(1, 2, 3)) / 2, target)
    lengths = np.square(np.asarray(target, float)).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(penalty, lengths.mean(), rtol=1e-5)


def test_the_r1_penalty_teaches_a_judge_to_be_flat():
    def penalty(steepness):
        return r1_penalty(lambda x: steepness * jnp.sum(x, axis=(1, 2, 3)), target)

    np.testing.assert_allclose(jax.grad(penalty)(3.0), 2 * 3.0 * 8 * 8 * 3, rtol=1e-5)
