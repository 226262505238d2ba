"""The initial weights of every layer, against the ranges that the methods' sources give.

GLCIC's framework, Torch7 of 2017, draws weights and biases of a layer from U(-s, s) with
s = 1 / sqrt(taps * input channels), for deconvolutions too, and batch norm's scales from U(0, 1).
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict

from glcic_jax.methods.ambient_gan.discriminator import MeasurementDiscriminator
from glcic_jax.methods.context_encoder import networks as context_encoder
from glcic_jax.methods.dcgan import networks as dcgan
from glcic_jax.methods.glcic.completion_network import CompletionNetwork
from glcic_jax.methods.glcic.discriminators import ContextDiscriminator
from glcic_jax.methods.partial_conv.network import PartialUNet
from glcic_jax.methods.template.network import UNet

W = 8
"""Channels of the first layers: an eighth of table 2's."""

COMPLETION = {  # layer: taps, input channels (table 2)
    1: (25, 4), 2: (9, W), 3: (9, 2 * W), 4: (9, 2 * W), 5: (9, 4 * W), 6: (9, 4 * W),
    7: (9, 4 * W), 8: (9, 4 * W), 9: (9, 4 * W), 10: (9, 4 * W), 11: (9, 4 * W), 12: (9, 4 * W),
    13: (16, 4 * W), 14: (9, 2 * W), 15: (16, 2 * W), 16: (9, W), 17: (9, W // 2),
}  # fmt: skip

SIDES = {  # input channels of the convolutions for 64 and 128 pixels, of 25 taps (table 3)
    "local": (3, W, 2 * W, 4 * W),
    "global": (3, W, 2 * W, 4 * W, 8 * W),
}


def drawn(module, *shapes):
    """Returns the initial parameters by path, such as "layer1/conv/kernel"."""
    inputs = (jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes)
    variables = module.lazy_init(jax.random.key(0, impl="rbg"), *inputs)
    return {path: np.asarray(x) for path, x in flatten_dict(variables["params"], sep="/").items()}


def assert_uniform(values, low, high, name):
    count, width = values.size, high - low
    assert low <= values.min() and values.max() <= high, name
    if count >= 100:  # five standard errors, and ends that are reached
        assert abs(values.mean() - (low + high) / 2) < 5 * width / np.sqrt(12 * count), name
        np.testing.assert_allclose(values.std(), width / np.sqrt(12), rtol=5 / count**0.5)
        assert values.max() - values.min() > (1 - 20 / count) * width, name


def assert_normal(values, mean, deviation, name):
    count = values.size
    assert abs(values.mean() - mean) < 5 * deviation / np.sqrt(count), name
    if count >= 20:
        rtol = 5 / (2 * count) ** 0.5
        np.testing.assert_allclose(values.std(), deviation, rtol=rtol, err_msg=name)


def completion_fans(names):
    """The number of inputs of each kernel and bias, from the table above."""
    fans = {f"layer{number}": taps * channels for number, (taps, channels) in COMPLETION.items()}
    return {name: fans[name.split("/")[0]] for name in names if name.startswith("layer")}


def discriminator_fans(names):
    fans = {f"{side}/layer{i}": 25 * n for side, inputs in SIDES.items() for i, n in
            enumerate(inputs, start=1)}  # fmt: skip
    fans |= {f"{side}/dense": 4 * 4 * 8 * W for side in SIDES} | {"head": 2 * 16 * W}
    found = {}
    for name in names:
        layer = "/".join(name.split("/")[:-2])
        if not layer.split("/")[-1].startswith("norm"):
            found[name] = fans[layer]
    return found


@pytest.mark.parametrize(
    ("network", "scale"),
    [("completion", "uniform"), ("completion", "ones"), ("discriminator", "uniform")],
)
def test_glcic_starts_as_torch7_does(network, scale):
    if network == "completion":
        weights = drawn(CompletionNetwork(train=False, width=W, scale=scale), (1, 8, 8, 4))
        fans = completion_fans(weights)
    else:
        module = ContextDiscriminator(train=False, width=W, scale=scale)
        weights = drawn(module, (1, 128, 128, 3), (1, 64, 64, 3))
        fans = discriminator_fans(weights)
    for name, fan in fans.items():
        bound = 1 / np.sqrt(fan)
        assert_uniform(weights[name], -bound, bound, name)
    norms = {name: values for name, values in weights.items() if name not in fans}
    scales = [values for name, values in norms.items() if name.endswith("norm/scale")]
    offsets = [values for name, values in norms.items() if name.endswith("norm/bias")]
    assert len(scales) == len(offsets) == len(norms) / 2 == {"completion": 16}.get(network, 9)
    assert not np.concatenate(offsets).any()
    if scale == "ones":
        assert (np.concatenate(scales) == 1).all()
    else:
        for values in scales:
            assert_uniform(values, 0, 1, "scale")
        assert_uniform(np.concatenate(scales), 0, 1, "scales")


def test_a_network_that_adds_to_smooth_fills_starts_by_adding_nothing():
    weights = drawn(CompletionNetwork(train=False, width=W, output="difference"), (1, 8, 8, 4))
    last = [values for name, values in weights.items() if name.startswith("layer17")]
    assert len(last) == 2 and not any(values.any() for values in last)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "shapes"),
    [
        (MeasurementDiscriminator(W), [(1, 64, 64, 3), (1, 64, 64, 1)]),
        (UNet(W), [(1, 16, 16, 4)]),
    ],
)
def test_networks_of_the_shared_layers_start_as_torch7_does(module, shapes):
    weights = drawn(module, *shapes)
    for name, kernel in weights.items():
        if name.endswith("kernel"):
            inputs = kernel.shape[-1 if name.startswith("up") else -2]  # deconvolutions
            bound = 1 / np.sqrt(inputs * np.prod(kernel.shape[:-2]))
            assert_uniform(kernel, -bound, bound, name)
            assert_uniform(weights[name.replace("kernel", "bias")], -bound, bound, name)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "shape"),
    [
        (dcgan.Generator(train=False, width=4), (1, 100)),
        (dcgan.Discriminator(train=False, width=4), (1, 64, 64, 3)),
        (context_encoder.ContextEncoder(train=False, output=32, width=8, bottleneck=40),
         (1, 64, 64, 3)),
        (context_encoder.Discriminator(train=False, width=8), (1, 32, 32, 3)),
    ],
)  # fmt: skip
def test_dcgan_and_context_encoders_start_normal(module, shape):
    """Compares with the releases of Radford et al. 2016 and of Pathak et al. 2016."""
    for name, values in drawn(module, shape).items():
        if name.endswith("bias"):
            assert not values.any(), name
        else:
            assert_normal(values, 1 if name.endswith("scale") else 0, 0.02, name)


@pytest.mark.slow
def test_partial_convolutions_start_as_he_et_al_do():
    weights = drawn(PartialUNet(train=False, levels=3, width=8), (1, 32, 32, 3), (1, 32, 32, 1))
    for name, values in weights.items():
        if name.endswith("kernel"):
            fan = np.prod(values.shape[:-1])  # taps times input channels
            assert_normal(values, 0, np.sqrt(2 / fan), name)
        else:
            assert (values == name.endswith("scale")).all(), name
