"""Batch norm with ReLU in training agrees with Flax's, in values, statistics and gradients."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.sharding import PartitionSpec

from glcic_jax.layers.norm_relu import norm_relu
from glcic_jax.layers.torch_layers import NormRelu, batch_norm
from glcic_jax.runtime.devices import DATA, make_mesh

rng = np.random.default_rng(0)
X = jnp.asarray(rng.normal(2, 3, size=(4, 3, 5, 7)), jnp.float32)
COTANGENT = jnp.asarray(rng.normal(size=X.shape), jnp.float32)
SCALE, BIAS = jnp.asarray(rng.normal(size=(2, 7)), jnp.float32)


class Flax(nn.Module):
    @nn.compact
    def __call__(self, x):
        return nn.relu(batch_norm(True, None, jnp.float32, "norm")(x))


def variables():
    made = dict(NormRelu(False).init(jax.random.key(0), X))
    return made | {"params": {"norm": {"scale": SCALE, "bias": BIAS}}}


def run(module, params, x):
    given = variables() | {"params": params}
    return module.apply(given, x, mutable=["batch_stats"])


@pytest.mark.parametrize("what", ["values", "gradients", "second"])
def test_it_is_flaxs_batch_norm_with_relu(what):
    def values(module, params, x):
        return run(module, params, x)

    def gradients(module, params, x):
        return jax.grad(lambda p, x: jnp.sum(run(module, p, x)[0] * COTANGENT), (0, 1))(params, x)

    def second(module, params, x):  # as a penalty on gradients needs it
        def slope(x):
            return jax.grad(lambda x: jnp.sum(run(module, params, x)[0] ** 2 * COTANGENT))(x)

        return jax.grad(lambda x: jnp.sum(slope(x) ** 2))(x)

    chosen = {"values": values, "gradients": gradients, "second": second}[what]
    params = variables()["params"]
    ours, flax = (
        jax.jit(lambda p, x, module=module: chosen(module, p, x))(params, X)
        for module in (NormRelu(True), Flax())
    )
    assert jax.tree.structure(ours) == jax.tree.structure(flax)
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(flax), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5 * float(jnp.abs(b).max()))


def test_four_devices_that_share_statistics_are_as_one():
    def gradients(devices):
        def loss(x, scale, bias):
            y, mean, var = norm_relu(x, scale, bias, DATA, jnp.float32)
            return lax.pmean(jnp.mean(y**3), DATA), (mean, var)

        split, same = PartitionSpec(DATA), PartitionSpec()
        on_all = jax.shard_map(
            jax.value_and_grad(loss, argnums=(0, 1, 2), has_aux=True),
            mesh=make_mesh(jax.devices()[:devices]),
            in_specs=(split, same, same),
            out_specs=((same, (same, same)), (split, same, same)),
        )
        return jax.device_get(jax.jit(on_all)(X, SCALE, BIAS))

    for one, four in zip(*(jax.tree.leaves(gradients(n)) for n in (1, 4)), strict=True):
        np.testing.assert_allclose(four, one, rtol=1e-4, atol=1e-6)


def test_bfloat16_comes_out_of_float32_arithmetic():
    x = X.astype(jnp.bfloat16)
    y, mean, _ = norm_relu(x, SCALE, BIAS, (), jnp.bfloat16)
    exact, *_ = norm_relu(x.astype(jnp.float32), SCALE, BIAS, (), jnp.float32)
    assert (y.dtype, mean.dtype) == (jnp.bfloat16, jnp.float32)
    np.testing.assert_array_equal(y, exact.astype(jnp.bfloat16))
