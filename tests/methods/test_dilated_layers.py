"""More dilated layers than the paper's four (section 4.8): how far they see, and their weights."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from glcic_jax.complete.completer import make_complete_fn
from glcic_jax.convert.onnx import to_onnx
from glcic_jax.convert.pytorch_glcic import to_state_dict
from glcic_jax.methods.by_name import METHODS
from glcic_jax.methods.glcic.completion_network import CompletionNetwork
from glcic_jax.methods.glcic.table2 import layers, shortcuts
from glcic_jax.runtime.errors import UserError
from glcic_jax.weights.exchange import read_exchange, write_exchange
from glcic_jax.weights.glcic import CompletionWeights, completion_shapes, fold
from glcic_jax.weights.trained import flatten, flatten_variables, unflatten
from tests.helpers.small import MEAN, small_config


@pytest.mark.parametrize(("norm", "dilated"), [(True, 4), (False, 6)])
def test_shapes_known_without_flax_are_those_of_flax(norm, dilated):
    module = CompletionNetwork(train=False, width=4, norm=norm, dilated_layers=dilated)
    x = jax.ShapeDtypeStruct((1, 8, 8, 4), jnp.float32)
    variables = jax.eval_shape(module.init, jax.random.key(0), x)
    leaves = flatten_variables(variables)
    assert completion_shapes(4, norm, dilated) == {n: leaf.shape for n, leaf in leaves.items()}
    tree = unflatten({name: name for name in leaves})
    assert flatten(tree) == {name: name for name in leaves}


def count(dilated):
    return sum(
        np.prod(shape, dtype=int) for shape in completion_shapes(4, dilated_layers=dilated).values()
    )


def random_weights(dilated, output="sigmoid"):
    rng = np.random.default_rng(dilated)
    tensors = {
        name: np.abs(rng.normal(1, 0.1, shape)).astype(np.float32)
        if name.endswith("var")
        else rng.normal(0, 0.2, shape).astype(np.float32)
        for name, shape in completion_shapes(4, dilated_layers=dilated).items()
    }
    return CompletionWeights(tensors=tensors, output=output, mean_pixel=MEAN)


@pytest.fixture
def hole():
    rng = np.random.default_rng(0)
    mask = np.zeros((1, 16, 20, 1), np.float32)
    mask[:, 4:9, 6:12] = 1
    return rng.random((1, 16, 20, 3), np.float32), mask


def test_further_layers_follow_the_tables_and_double_the_dilation():
    assert list(layers()) == [str(number) for number in range(1, 17)]
    more = layers(6)
    assert list(more)[8:13] == ["9", "10", "10_1", "10_2", "11"]
    dilations = [options["dilation"] for _, _, options in more.values() if "dilation" in options]
    assert dilations == [2, 4, 8, 16, 32, 64]
    assert count(6) - count(4) == 2 * (9 * 16 * 16 + 16 + 4 * 16)  # with four of batch norm
    assert shortcuts(4) == {str(n): str(n - 1) for n in range(6, 13)} | {"13": "3", "15": "1"}
    assert shortcuts(5) == shortcuts(4) | {"10_1": "10", "11": "10_1"}


@pytest.mark.parametrize("dilated", [4, 5])
def test_outputs_depend_on_all_within_the_reach_and_nothing_beyond(dilated):
    """Looks along a strip of a few columns; tests/complete/test_windows.py along both axes."""
    network = CompletionNetwork(train=False, width=2, dilated_layers=dilated)
    reach = network.reach
    assert reach == {4: 153, 5: 153 + 4 * 32}[dilated]
    x = jnp.ones((1, 2 * reach + 94, 4, 4))
    drawn = jax.eval_shape(network.init, jax.random.key(0), x)["params"]
    params = jax.tree.map(lambda p: jnp.ones(p.shape) / max(p.size // p.shape[-1], 1), drawn)
    norms = {name: {"norm": {"mean": 0.0, "var": 1.0}} for name in drawn if "norm" in name}
    variables = {"params": params, "batch_stats": norms}
    row = reach + 45
    slope = jax.jit(jax.grad(lambda x: network.apply(variables, x)[0, row, 2].sum()))(x)
    seen = np.flatnonzero(np.abs(slope).sum(axis=(0, 2, 3)))
    assert row - reach <= seen[0] and seen[-1] <= row + reach
    assert seen[-1] - seen[0] + 1 >= 2 * reach - 7


def test_a_config_chooses_them():
    method = METHODS["glcic"](small_config(dilated_layers=6), MEAN)
    assert method.reach == 153 + 4 * (32 + 64)
    network = jax.eval_shape(method.init, jax.random.key(0)).networks["completion"]
    assert {"layer10_1", "norm10_2"} < set(network.params)


@pytest.mark.parametrize("output", ["sigmoid", pytest.param("difference", marks=pytest.mark.slow)])
def test_converted_weights_keep_them(output, hole, tmp_path):
    weights = random_weights(5, output)
    assert (weights.dilated_layers, random_weights(4).dilated_layers) == (5, 4)
    again = read_exchange(write_exchange(weights, tmp_path / "net.safetensors"))
    assert isinstance(again, CompletionWeights) and again.dilated_layers == 5
    method, state = again.completing()
    assert method.reach is not None and method.reach >= 153 + 4 * 32
    image, mask = hole
    ours = make_complete_fn(method, state)(image, mask)
    assert (np.asarray(ours)[mask[..., 0] > 0]).std() > 0.01
    folded = fold(again)
    assert folded.dilated_layers == 5 and not any("norm" in name for name in folded.tensors)
    np.testing.assert_allclose(make_complete_fn(*folded.completing())(image, mask), ours, atol=1e-5)
    with pytest.raises(UserError, match="no PyTorch program .* 5 dilated layers"):
        to_state_dict(again)


def test_descriptions_without_the_number_have_four_and_wrong_ones_are_refused(tmp_path):
    write_exchange(random_weights(4), tmp_path / "net.safetensors")
    path = tmp_path / "config.json"
    config = json.loads(path.read_text())
    assert config["network"].pop("dilated_layers") == 4
    path.write_text(json.dumps(config))
    assert read_exchange(tmp_path).tensors.keys() == completion_shapes(4).keys()
    for wrong, message in ((5, "layer10_1.conv.bias is absent"), (9, "expected 4 to 8")):
        config["network"]["dilated_layers"] = wrong
        path.write_text(json.dumps(config))
        with pytest.raises(UserError, match=message):
            read_exchange(tmp_path)


@pytest.mark.parametrize("dilated", [4, 6])
def test_onnx_has_them(dilated, hole):
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    weights = random_weights(dilated)
    session = runtime.InferenceSession(to_onnx(weights), providers=["CPUExecutionProvider"])
    image, mask = hole
    inputs = {"image": image.transpose(0, 3, 1, 2), "mask": mask.transpose(0, 3, 1, 2)}
    (theirs,) = session.run(None, inputs)
    ours = make_complete_fn(*weights.completing())(image, mask)
    np.testing.assert_allclose(theirs.transpose(0, 2, 3, 1), ours, atol=2e-5)
