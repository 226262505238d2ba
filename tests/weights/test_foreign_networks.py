"""Networks of other programs against numbers that PyTorch made, and what is refused."""

import jax
import numpy as np
import pytest

from glcic_jax.complete.completer import make_complete_fn
from glcic_jax.convert.pytorch_glcic import from_state_dict, to_state_dict
from glcic_jax.convert.torch7_glcic import from_torch7
from glcic_jax.layers.ops import completion_input
from glcic_jax.methods.glcic.completion_network import CompletionNetwork
from glcic_jax.methods.glcic.discriminators import ContextDiscriminator
from glcic_jax.runtime.errors import UserError
from glcic_jax.weights.glcic import completion_shapes, fold
from glcic_jax.weights.trained import unflatten_variables
from tests.helpers.ports import (
    GOLDEN,
    MEAN,
    PROGRAMS,
    TOLERANCE,
    mean_of,
    state_of,
    torch7_bytes,
    torch7_model,
    weights_of,
)


def complete(weights):
    return make_complete_fn(*weights.completing())(GOLDEN["image"], GOLDEN["mask"])


@pytest.mark.reference
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_programs_network_gives_its_numbers(program):
    """Tries the network by itself on an odd size, and all of the way to a completed picture."""
    weights = weights_of(program)
    module = CompletionNetwork(
        train=False, width=2, relu_first=weights.relu_first, output=weights.output
    )
    params, batch_stats = unflatten_variables(weights.tensors)
    raw = jax.jit(module.apply)(
        {"params": params, "batch_stats": batch_stats}, GOLDEN["input"].astype(np.float32)
    )
    theirs = GOLDEN[f"{program}/raw"]
    assert theirs.std() > 0.05
    np.testing.assert_allclose(
        raw, (theirs + 1) / 2 if program == "mmagic" else theirs, atol=TOLERANCE
    )
    np.testing.assert_allclose(complete(weights), GOLDEN[f"{program}/completed"], atol=TOLERANCE)


@pytest.mark.reference
def test_mmagics_discriminator_gives_its_numbers():
    params, batch_stats = unflatten_variables(weights_of("mmagic").discriminator)
    module = ContextDiscriminator(train=False, width=2)
    image, patch = (
        GOLDEN[f"mmagic/disc_{name}"].astype(np.float32).transpose(0, 2, 3, 1)
        for name in ("image", "patch")
    )
    variables = {"params": params, "batch_stats": batch_stats}
    logits = jax.jit(module.apply)(variables, image, patch)
    np.testing.assert_allclose(logits, GOLDEN["mmagic/disc_logits"][:, 0], atol=TOLERANCE)
    assert np.ptp(logits) > 0.01


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_state_dict_comes_back_bit_for_bit(program):
    state = {n: t for n, t in state_of(program).items() if not n.startswith("disc.")}
    back = to_state_dict(weights_of(program))[1]
    assert back.keys() == state.keys()
    for name, tensor in state.items():
        np.testing.assert_array_equal(back[name], tensor)


def test_the_authors_file_holds_the_plain_chain(tmp_path):
    path = tmp_path / "completionnet.t7"
    path.write_bytes(torch7_bytes(torch7_model()))
    ours, plain = from_torch7(path), weights_of("sequential")
    for name, tensor in plain.tensors.items():
        np.testing.assert_array_equal(ours.tensors[name], tensor)
    assert ours.mean_pixel == pytest.approx(MEAN)
    assert (ours.relu_first, ours.output, ours.fill_pixel) == (False, "sigmoid", (0, 0, 0))


def test_folding_changes_no_value():
    folded = fold(weights_of("sequential"))
    assert not folded.norm
    assert {n: t.shape for n, t in folded.tensors.items()} == completion_shapes(2, norm=False)
    np.testing.assert_allclose(complete(folded), GOLDEN["sequential/completed"], atol=TOLERANCE)
    with pytest.raises(UserError, match="folded already"):
        fold(folded)


def test_folding_what_cannot_be_folded_is_refused():
    with pytest.raises(UserError, match="follows ReLU"):
        fold(weights_of("glcic_pytorch"))
    with pytest.raises(
        UserError, match="no PyTorch program is known whose network computes as this one"
    ):
        to_state_dict(fold(weights_of("sequential")))


@pytest.mark.parametrize(
    ("program", "change", "message"),
    [
        ("glcic_pytorch", {"conv5.weight": np.zeros((8, 8, 5, 5))}, "is 8x8x5x5, .* has 8x8x3x3"),
        ("glcic_pytorch", {"conv1.weight": np.zeros((2, 3, 5, 5))}, "is 2x3x5x5, expected Wx4x5x5"),
        ("glcic_pytorch", {"conv1.weight": np.zeros(())}, "is a number, expected Wx4x5x5"),
        ("glcic_pytorch", {"bn3.running_var": None}, "bn3.running_var is absent"),
        ("glcic_pytorch", {"conv18.weight": np.zeros(1)}, "conv18.weight is too many"),
        ("mmagic", {"disc.fc.bias": None}, "the discriminator lacks disc.fc.bias"),
        ("mmagic", {"disc.fc.weight": np.zeros((1, 3))}, "not a GLCIC discriminator"),
        ("sequential", {"0.bias": np.full(2, np.nan)}, "0.bias holds values that are not finite"),
        ("sequential", {"0.weight": None}, "expected one of 0.weight .*; found 0.bias, 1.weight"),
    ],
)
def test_another_network_is_refused_with_what_was_found(program, change, message):
    state = state_of(program) | change
    state = {name: tensor for name, tensor in state.items() if tensor is not None}
    with pytest.raises(UserError, match=message):
        from_state_dict(state, mean_of(program), "net.pth")


def test_a_mean_pixel_is_asked_for_where_the_file_has_none():
    with pytest.raises(UserError, match="do not hold the mean pixel"):
        from_state_dict(state_of("glcic_pytorch"), None, "net.pth")
    with pytest.raises(UserError, match="has no mean pixel"):
        from_state_dict(state_of("mmagic"), MEAN, "net.pth")


@pytest.mark.parametrize(
    ("index", "change", "message"),
    [
        (19, lambda kind, f: (kind, f | {"dilationW": 1}), "layer 19 is .*dilationW 1.0"),
        (2, lambda kind, f: ("nn.ReLU", f), "layer 2 is nn.ReLU .* has nn.SpatialBatch"),
        (50, lambda kind, f: ("nn.Tanh", {}), "layer 50 is nn.Tanh .* has nn.Sigmoid"),
        (1, lambda kind, f: "text", "layer 1 is str"),
        (
            4,
            lambda kind, f: (kind, {k: v for k, v in f.items() if k != "bias"}),
            "3.bias is absent",
        ),
    ],
)
def test_another_torch7_network_is_refused(tmp_path, index, change, message):
    path = tmp_path / "net.t7"
    path.write_bytes(torch7_bytes(torch7_model({index: change})))
    with pytest.raises(UserError, match=message):
        from_torch7(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"model": ("nn.Sequential", {"modules": {}})} | {"mean": {}}, "mean of three numbers"),
        ({"model": 1.0}, "expected a table with an nn.Sequential as model, found float"),
        (("nn.Concat", {}), "as model, found nn.Concat"),
        (torch7_model() | {"mean": {1: 117.0, 2: 110.0, 3: 105.0}}, "three numbers in 0 to 1"),
        (torch7_model() | {"model": ("nn.Sequential", {})}, "expected 50 layers, found 0"),
    ],
)
def test_another_torch7_file_is_refused(tmp_path, content, message):
    path = tmp_path / "net.t7"
    path.write_bytes(torch7_bytes(content))
    with pytest.raises(UserError, match=message):
        from_torch7(path)


def test_input_of_other_networks_is_scaled_and_filled():
    image = np.random.default_rng(0).random((1, 4, 4, 3), np.float32)
    mask = np.zeros((1, 4, 4, 1), np.float32)
    mask[0, 1, 2] = 1
    x = completion_input(image, mask, (0.5, 0.5, 0.5), 2.0, (0.25, 0.5, 1.0))
    np.testing.assert_allclose(x[0, 0, 0, :3], 2 * image[0, 0, 0] - 1, atol=1e-6)
    np.testing.assert_array_equal(x[0, 1, 2], [0.25, 0.5, 1.0, 1.0])
