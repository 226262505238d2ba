"""Initial variables are those of Flax's own `init`, bit for bit."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from glcic_jax.layers import initial
from glcic_jax.layers.initial import initial_variables
from glcic_jax.layers.torch_layers import Convolution, Deconvolution, Dense, NormRelu

X = jnp.zeros((1, 4, 4, 3))


class Network(nn.Module):
    """Has each kind of layer, an array of more numbers than are drawn at once, and others' own."""

    @nn.compact
    def __call__(self, x):
        x = NormRelu(False, name="norm")(Convolution(5, name="layer1")(x))
        x = Convolution(5, silent=True, name="layer2")(Deconvolution(4, name="layer3")(x))
        x = nn.Conv(2, (3, 3), name="others")(NormRelu(False, scale="ones", name="plain")(x))
        return Dense(initial.DRAWN // 128 + 3, name="wide")(x.reshape(1, -1))


@pytest.mark.parametrize("kind", ["rbg", pytest.param("threefry2x32", marks=pytest.mark.slow)])
def test_they_are_flaxs(kind):
    key = jax.random.fold_in(jax.random.key(3, impl=kind), 1)
    ours = initial_variables(Network(), key, X)
    flax = jax.jit(Network().init)(key, X)
    assert jax.tree.structure(ours) == jax.tree.structure(flax)
    for (path, a), b in zip(
        jax.tree_util.tree_leaves_with_path(ours), jax.tree.leaves(flax), strict=True
    ):
        np.testing.assert_array_equal(a, b, err_msg=str(path))


def test_weights_are_not_left_to_flax(monkeypatch):
    key = jax.random.key(0, impl="rbg")
    drawn = []
    monkeypatch.setattr(initial, "_drawn", lambda key, draws: drawn.extend(draws) or [])
    with pytest.raises(StopIteration):
        initial_variables(Network(), key, X)
    paths = {(*path, number) for path, number, *_ in drawn}
    assert paths >= {
        ("layer1", "conv", 1),
        ("layer1", "conv", 2),
        ("layer3", 1),
        ("norm", "norm", 1),
    }


def test_their_shapes_are_known_without_them():
    key = jax.random.key(0, impl="rbg")
    shapes = jax.eval_shape(lambda key: initial_variables(Network(), key, X), key)
    assert shapes == jax.eval_shape(Network().init, key, X)
