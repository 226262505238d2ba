"""Less memory for the same update: parts of a batch one after the other, activations anew."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from glcic_jax.methods.by_name import METHODS
from glcic_jax.runtime.devices import check_batch_size, make_mesh
from glcic_jax.runtime.errors import UserError
from glcic_jax.train.step import init_key
from tests.helpers.small import MEAN, first_state, make_batch, small_config, stepper

JOINT = {"phases__completion": 0, "phases__discriminator": 0}


def joint_step(batch, devices=2, **changes):
    """State and metrics after one update of phase 3, which makes all kinds of gradients."""
    config = small_config(**JOINT, **changes, dtype="float64")
    return stepper(config, devices)(first_state(config), batch)


def assert_same_update(ours, plain, rtol):
    for name, value in plain[1].items():
        np.testing.assert_allclose(ours[1][name], value, rtol=rtol, err_msg=name)
    for name, network in plain[0].networks.items():
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-12),
            ours[0].networks[name].params,
            network.params,
        )


@pytest.fixture(scope="module")
def twins():
    """On each of two devices two halves that are equal, and so have equal batch statistics."""
    batch = make_batch(0)
    order = np.array([0, 1, 0, 1, 2, 3, 2, 3])
    return {name: array[order] for name, array in batch.items()}


@pytest.fixture(scope="module")
def plain(twins):
    return joint_step(twins)


@pytest.mark.slow
def test_accumulation_with_remat_equals_the_whole_batch_without(twins, plain):
    assert_same_update(joint_step(twins, accumulate=2, remat=True), plain, rtol=1e-10)


@pytest.mark.slow
def test_a_balanced_weight_is_that_of_the_whole_batch_where_parts_are_alike(twins):
    weight = {"adversarial__weight": "balanced"}
    assert_same_update(
        joint_step(twins, accumulate=2, **weight), joint_step(twins, **weight), 1e-10
    )


def test_parts_must_divide_a_devices_share():
    check_batch_size(make_mesh(), 24, parts=3)
    with pytest.raises(UserError, match="24 does not divide over 4 devices in 4 parts each: .*16"):
        check_batch_size(make_mesh(), 24, parts=4)
    with pytest.raises(UserError, match="accumulate is 0"):
        METHODS["glcic"](small_config(accumulate=0), MEAN)


def kept_bytes(remat: bool, dtype: str) -> int:
    """Counts what C's backward pass keeps of one picture of 256 x 256, without parameters."""
    config = small_config(width=64, remat=remat, dtype=dtype, sync_batch_norm=True)
    update = METHODS["glcic"](config, MEAN).phases[0].update
    glcic = update.__self__  # pyright: ignore[reportFunctionMemberAccess]
    image = jax.ShapeDtypeStruct((1, 256, 256, 3), jnp.float32)
    mask = jax.ShapeDtypeStruct((1, 256, 256, 1), jnp.float32)
    network = jax.eval_shape(glcic.init, init_key(0)).networks["completion"]

    def residuals(params, stats, image, mask):
        batch = {"image": image, "mask": mask}
        return jax.vjp(
            lambda p: glcic.fill(p, stats, batch, train=True), params, has_aux=True
        )[1]  # fmt: skip

    on_a_device = jax.shard_map(
        residuals, mesh=make_mesh(jax.devices()[:1]), in_specs=jax.P(), out_specs=jax.P(),
        check_vma=False,
    )  # fmt: skip
    kept = jax.eval_shape(on_a_device, network.params, network.batch_stats, image, mask)
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(kept) if leaf.ndim == 4
               and leaf.shape[0] == 1)  # fmt: skip


def test_remat_keeps_half():
    whole, less = (kept_bytes(remat, "float32") for remat in (False, True))
    assert whole < 230e6  # each layer's convolution and what follows from it, nothing twice
    assert less < 0.51 * whole
    assert kept_bytes(True, "bfloat16") < 0.6 * less
