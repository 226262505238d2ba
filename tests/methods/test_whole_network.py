"""The completion network without Flax: the same as the Flax module, bit for bit."""

from functools import partial

import jax
import numpy as np
import pytest

from glcic_jax.methods.glcic.completion_network import CompletionNetwork
from glcic_jax.methods.glcic.table2 import Form
from glcic_jax.methods.glcic.whole_network import run_whole

FORMS = [
    Form(width=2),
    Form(width=2, relu_first=True, output="clip"),
    Form(width=2, norm=False, output="difference", dilated_layers=6),
]


def drawn(path, leaf):
    """Random numbers as large as a layer's should be; variances are positive."""
    numbers = np.random.default_rng(len(str(path))).normal(size=leaf.shape)
    scale = np.sqrt(2 / max(1, np.prod(leaf.shape[:-1])))
    return np.float32(abs(numbers) if "var" in str(path) else scale * numbers)


@pytest.mark.slow  # each compiles two networks
@pytest.mark.parametrize("form", FORMS, ids=["paper", "relu_first", "difference"])
def test_arrays_alone_give_what_the_flax_module_gives(form):
    module = CompletionNetwork(train=False, **form._asdict())
    x = np.random.default_rng(0).normal(size=(2, 12, 8, 4)).astype(np.float32)
    shapes = jax.eval_shape(module.init, jax.random.key(0), x)
    variables = jax.tree_util.tree_map_with_path(drawn, shapes)
    expected = jax.jit(module.apply)(variables, x)
    params, stats = variables["params"], variables.get("batch_stats", {})
    found = jax.jit(partial(run_whole, form))(params, stats, x)
    assert np.ptp(expected) > 1e-3
    np.testing.assert_array_equal(found, expected)
