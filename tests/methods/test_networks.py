"""The networks against the paper's tables, and against numbers made by independent code."""

from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from glcic_jax.layers.ops import completion_input
from glcic_jax.methods.ambient_gan.discriminator import MeasurementDiscriminator
from glcic_jax.methods.glcic.completion_network import CompletionNetwork
from glcic_jax.methods.glcic.discriminators import ContextDiscriminator, depth
from glcic_jax.methods.lama.network import Generator

GOLDEN = Path(__file__).parents[1] / "golden" / "networks.npz"


def count(tree) -> int:
    return sum(leaf.size for leaf in jax.tree.leaves(tree))


def shapes(module, *inputs):
    return jax.eval_shape(partial(module.init, jax.random.key(0)), *map(jnp.zeros, inputs))


def test_completion_network_has_the_papers_parameters():
    variables = shapes(CompletionNetwork(train=False), (1, 64, 64, 4))
    assert count(variables["params"]) == 6_072_131
    assert count(variables["batch_stats"]) == 5_952


@pytest.mark.parametrize(
    ("module", "inputs"),
    [
        (CompletionNetwork(train=False), [(1, 64, 64, 4)]),
        (ContextDiscriminator(train=False), [(1, 256, 256, 3), (1, 128, 128, 3)]),
        pytest.param(Generator(train=False), [(1, 64, 64, 4)], marks=pytest.mark.slow),
        (MeasurementDiscriminator(), [(1, 64, 64, 3), (1, 64, 64, 1)]),
    ],
)
def test_networks_have_as_many_parameters_as_their_docstrings_name(module, inputs):
    parameters = count(shapes(module, *inputs)["params"])
    assert f"{parameters:,} parameters" in (type(module).__doc__ or "")


@pytest.mark.parametrize(
    ("picture", "patch", "parameters"),
    [(256, 128, 45_063_681), (160, 96, 39_557_121), (128, 64, 31_953_409)],
)
def test_discriminators_have_the_papers_parameters(picture, patch, parameters):
    module = ContextDiscriminator(train=False)
    variables = shapes(module, (1, picture, picture, 3), (1, patch, patch, 3))
    assert count(variables["params"]) == parameters


def test_depth_follows_the_size_of_the_input():
    assert [depth(size) for size in (256, 160, 128, 96, 64)] == [6, 5, 5, 5, 4]
    with pytest.raises(ValueError, match="1024 pixels"):
        depth(1024)


def test_each_layer_is_convolution_then_norm_then_relu():
    """Looks for ReLU before batch norm, a common mistake: negative offsets show the difference."""
    module = CompletionNetwork(train=False, width=4)
    x = jax.random.normal(jax.random.key(0), (1, 8, 8, 4))
    variables = jax.jit(module.init)(jax.random.key(1, impl="rbg"), x)
    apply = jax.jit(partial(module.apply, capture_intermediates=True))
    _, captured = apply(variables, x)
    layers = captured["intermediates"]
    normed = layers["norm1"]["norm"]["__call__"][0]
    assert (normed < 0).any()
    np.testing.assert_array_equal(layers["norm1"]["__call__"][0], jnp.maximum(normed, 0))
    stats_input = layers["layer1"]["__call__"][0]
    scale = variables["params"]["norm1"]["norm"]["scale"]
    expected = scale * stats_input / np.sqrt(1 + 1e-5)
    np.testing.assert_allclose(normed, expected, rtol=1e-4, atol=1e-6)


def test_input_is_centred_emptied_and_carries_the_mask():
    image = jnp.full((1, 4, 4, 3), 0.75)
    mask = jnp.zeros((1, 4, 4, 1)).at[0, 1, 2].set(1)
    x = completion_input(image, mask, (0.5, 0.25, 0.0))
    assert x[0, 0, 0].tolist() == [0.25, 0.5, 0.75, 0.0]
    assert x[0, 1, 2].tolist() == [0.0, 0.0, 0.0, 1.0]


def test_input_never_reads_the_hole():
    image = jnp.full((1, 4, 4, 3), 0.5)
    mask = jnp.zeros((1, 4, 4, 1)).at[0, 1, 2].set(1)
    poisoned = image.at[0, 1, 2].set(jnp.nan)
    mean = (0.4, 0.4, 0.4)
    clean, other = (completion_input(i, mask, mean) for i in (image, poisoned))
    np.testing.assert_array_equal(clean, other)


def test_bfloat16_arithmetic_keeps_float32_parameters_and_output():
    module = CompletionNetwork(train=True, width=2, dtype=jnp.bfloat16)
    x = jax.ShapeDtypeStruct((2, 16, 16, 4), jnp.float32)
    variables = jax.eval_shape(module.init, jax.random.key(0), x)
    assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {jnp.dtype("float32")}
    apply = partial(module.apply, mutable=["batch_stats"])
    output, changed = jax.eval_shape(apply, variables, x)
    assert output.dtype == jnp.float32
    assert {leaf.dtype for leaf in jax.tree.leaves(changed)} == {jnp.dtype("float32")}


# The golden numbers: tests/golden/make_networks.py made them with PyTorch ------------------------


def ported(golden, prefix, layer):
    """Turns weights from PyTorch's layout into ours."""
    weight = golden[f"{prefix}/weight"]
    if layer == "dense":
        return {"kernel": weight.T, "bias": golden[f"{prefix}/bias"]}
    # Both Conv2d (out, in, h, w) and the strided convolution behind ConvTranspose2d (in, out, h, w)
    # become h, w, with the convolution's inputs before its outputs.
    return {"kernel": weight.transpose(2, 3, 1, 0), "bias": golden[f"{prefix}/bias"]}


def ported_norm(golden, prefix):
    params = {"scale": golden[f"{prefix}/weight"], "bias": golden[f"{prefix}/bias"]}
    stats = {"mean": golden[f"{prefix}/running_mean"], "var": golden[f"{prefix}/running_var"]}
    return {"norm": params}, {"norm": stats}


def ported_completion(golden):
    params, stats = {}, {}
    for number in range(1, 18):
        layer = ported(golden, f"completion/{number}/conv", "conv")
        params[f"layer{number}"] = layer if number in (13, 15) else {"conv": layer}
        if number < 17:
            norm = ported_norm(golden, f"completion/{number}/norm")
            params[f"norm{number}"], stats[f"norm{number}"] = norm
    return params, stats


def ported_side(golden, side):
    params, stats, number = {}, {}, 0
    for number in range(
        1, 1 + sum(f"discriminator/{side}/{n}/conv/bias" in golden for n in range(9))
    ):
        prefix = f"discriminator/{side}/{number}"
        params[f"layer{number}"] = {"conv": ported(golden, f"{prefix}/conv", "conv")}
        params[f"norm{number}"], stats[f"norm{number}"] = ported_norm(golden, f"{prefix}/norm")
    fc = golden[f"discriminator/{side}/fc/weight"]  # out, (c h w) -> out, (h w c)
    channels = params[f"layer{number}"]["conv"]["bias"].size
    edge = int(np.sqrt(fc.shape[1] // channels))
    fc = fc.reshape(-1, channels, edge, edge).transpose(2, 3, 1, 0).reshape(-1, len(fc))
    params["dense"] = {"fc": {"kernel": fc, "bias": golden[f"discriminator/{side}/fc/bias"]}}
    return params, stats


@pytest.fixture(scope="module")
def golden():
    return dict(np.load(GOLDEN))


@pytest.mark.reference
def test_completion_network_matches_the_torch_port_in_inference(golden):
    params, stats = ported_completion(golden)
    module = CompletionNetwork(train=False, width=8)
    apply = jax.jit(module.apply)
    output = apply({"params": params, "batch_stats": stats}, golden["completion/input"])
    assert golden["completion/output"].std() > 0.05
    np.testing.assert_allclose(output, golden["completion/output"], atol=2e-5)


@pytest.mark.reference
def test_completion_network_matches_the_torch_port_in_training(golden):
    """Compares the output, and the running statistics."""
    params, stats = ported_completion(golden)
    module = CompletionNetwork(train=True, width=8)
    apply = jax.jit(partial(module.apply, mutable=["batch_stats"]))
    variables = {"params": params, "batch_stats": stats}
    output, changed = apply(variables, golden["completion/input"])
    np.testing.assert_allclose(output, golden["completion/output_train"], atol=2e-5)
    for number in range(1, 17):
        for part in ("mean", "var"):
            old = golden[f"completion/{number}/norm/running_{part}"]
            batch = golden[f"completion/{number}/batch_{part}"]
            ours = changed["batch_stats"][f"norm{number}"]["norm"][part]
            np.testing.assert_allclose(ours, 0.9 * old + 0.1 * batch, atol=2e-5)


@pytest.mark.reference
def test_completion_networks_gradients_match_the_torch_port(golden):
    """Compares in double precision: in single, ReLUs that flip at rounding move both by 1 %."""
    with jax.enable_x64(True):
        to_double = partial(jax.tree.map, lambda a: jnp.asarray(a, jnp.float64))
        params, stats = to_double(ported_completion(golden))
        module = CompletionNetwork(train=True, width=8, dtype=jnp.float64)

        @jax.jit
        def objective(params):
            variables = {"params": params, "batch_stats": stats}
            x = jnp.asarray(golden["completion/input"], jnp.float64)
            output, _ = module.apply(variables, x, mutable=["batch_stats"])
            return jnp.sum(output * golden["completion/cotangent"])

        gradients = jax.grad(objective)(params)
        for number, ours in ((1, gradients["layer1"]["conv"]), (13, gradients["layer13"])):
            theirs = ported(golden, f"completion/{number}/gradient", "conv")
            scale = abs(theirs["kernel"]).max()
            np.testing.assert_allclose(ours["kernel"], theirs["kernel"], atol=1e-5 * scale)


@pytest.mark.reference
@pytest.mark.parametrize(("train", "name"), [(False, "logits"), (True, "logits_train")])
def test_discriminator_matches_the_torch_port(golden, train, name):
    sides = {side: ported_side(golden, side) for side in ("local", "global")}
    params = {side: ported_[0] for side, ported_ in sides.items()}
    params["head"] = {"fc": ported(golden, "discriminator/head", "dense")}
    stats = {side: ported_[1] for side, ported_ in sides.items()}
    module = ContextDiscriminator(train=train, width=4)
    apply = jax.jit(partial(module.apply, mutable=["batch_stats"]))
    variables = {"params": params, "batch_stats": stats}
    logits, _ = apply(variables, golden["discriminator/image"], golden["discriminator/patch"])
    np.testing.assert_allclose(logits, golden[f"discriminator/{name}"], atol=2e-5)
