"""What AmbientGAN's discriminator sees: only C's paint is new, and holes are no part of a slope."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec

from glcic_jax.methods.ambient_gan.measurements import (
    Measurement,
    measure,
    measured_penalty,
    paint,
)
from glcic_jax.methods.network_state import device_mean
from glcic_jax.runtime.devices import DATA, make_mesh


def scene():
    rng = np.random.default_rng(3)
    image, output = (jnp.asarray(rng.uniform(0.3, 0.7, (2, 8, 8, 3)), jnp.float32) for _ in "ab")
    mask, fresh = np.zeros((2, 2, 8, 8, 1), np.float32)
    mask[:, 2:6, 2:6] = 1
    fresh[:, 4:8, 4:8] = 1
    return Measurement(image, jnp.asarray(mask)), output, jnp.asarray(fresh)


def test_a_fresh_measurement_shows_known_pixels_as_they_were_and_noise_on_paint_only():
    real, output, fresh = scene()
    draws = jnp.asarray(np.random.default_rng(4).normal(size=output.shape), jnp.float32)
    painted = (real.mask > 0) & (fresh == 0)
    for noise in (None, 0.02 * draws):
        image, mask = measure(paint(real, output, noise), fresh)
        np.testing.assert_array_equal(mask, fresh)
        noisy = output if noise is None else output + noise
        expected = np.where(real.mask > 0, noisy, real.image)
        np.testing.assert_allclose(image, np.where(fresh > 0, 1.0, expected), atol=1e-6)
        np.testing.assert_array_equal(
            image[jnp.broadcast_to(~painted & (fresh == 0), image.shape)],
            real.image[jnp.broadcast_to(~painted & (fresh == 0), image.shape)],
        )


def test_what_d_says_reaches_c_where_the_fresh_hole_uncovers_the_old_one_alone():
    real, output, fresh = scene()
    gradient = jax.grad(lambda x: measure(paint(real, x, None), fresh).image.sum())(output)
    painted = (real.mask > 0) & (fresh == 0)
    np.testing.assert_array_equal(gradient, jnp.broadcast_to(painted, gradient.shape))


def on_devices(count, function):
    """Returns a function on Measurements and pictures, whose batches are split over devices."""
    split, whole = PartitionSpec(DATA), PartitionSpec()
    mesh = make_mesh(jax.devices()[:count])
    return jax.jit(jax.shard_map(function, mesh=mesh, in_specs=(split,) * 3, out_specs=whole))


@pytest.mark.parametrize("count", [1, 2])
def test_the_penalty_is_of_slopes_over_pixels_between_pictures_with_the_same_hole(count):
    real, output, _ = scene()
    real = measure(*real)
    painted, share = paint(real, output, None), jnp.full((2, 1, 1, 1), 0.25)

    def penalty(judge):
        def mean(real, painted, share):
            return device_mean(measured_penalty(judge, real, painted, share))

        return on_devices(count, mean)(real, painted, share)

    def holes_alone(seen):
        return 7 * jnp.sum(seen.mask, (1, 2, 3))

    def squares(seen):
        return jnp.sum(seen.image**2, (1, 2, 3))

    np.testing.assert_allclose(penalty(holes_alone), 1, atol=1e-5)
    other = np.where(real.mask > 0, 1, painted[::-1])
    between = 0.25 * np.asarray(real.image) + 0.75 * other
    lengths = 2 * np.sqrt(np.sum(between**2, (1, 2, 3)))
    np.testing.assert_allclose(penalty(squares), np.mean((lengths - 1) ** 2), rtol=1e-5)
