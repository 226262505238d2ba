"""Networks of other programs against numbers that PyTorch made, and our exchange format."""

import json
import math
import shutil
from dataclasses import replace

import jax
import numpy as np
import pytest
from safetensors.numpy import save_file

import glcic_jax
from glcic_jax.complete.completer import make_complete_fn
from glcic_jax.convert.pytorch_glcic import from_state_dict, to_state_dict
from glcic_jax.convert.torch7_glcic import from_torch7
from glcic_jax.layers.ops import completion_input
from glcic_jax.methods.glcic.completion_network import CompletionNetwork
from glcic_jax.methods.glcic.discriminators import ContextDiscriminator
from glcic_jax.runtime.errors import UserError
from glcic_jax.weights.exchange import read_exchange, write_exchange
from glcic_jax.weights.glcic import completion_shapes, fold
from glcic_jax.weights.trained import cast_tensors, unflatten_variables
from tests.helpers.ports import (
    GOLDEN,
    MEAN,
    PROGRAMS,
    mean_of,
    state_of,
    torch7_bytes,
    torch7_model,
)

TOLERANCE = 1e-5


def weights_of(program):
    return from_state_dict(state_of(program), mean_of(program), f"models/{program}.pth")


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


# The exchange format -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights") / "celeba"
    write_exchange(weights_of("glcic_pytorch"), folder)
    return folder


@pytest.mark.parametrize("name", ["net", "net/celeba.safetensors"])
def test_what_is_written_is_read(tmp_path, name):
    weights = replace(weights_of("mmagic"), step=7, run={"a": 1}, scores={"l1": 0.5})
    file = write_exchange(weights, tmp_path / name)
    assert {p.name for p in file.parent.iterdir()} == {"config.json", file.name}
    for back in (read_exchange(tmp_path / name), read_exchange(file)):
        for part in ("tensors", "discriminator"):
            ours, theirs = getattr(weights, part), getattr(back, part)
            assert ours.keys() == theirs.keys()
            assert all(np.array_equal(ours[n], theirs[n]) for n in ours)
        rest = {"tensors": {}, "discriminator": {}}
        assert replace(back, **rest) == replace(weights, **rest)
    write_exchange(weights, tmp_path / name)  # over itself


def test_a_loaded_network_completes_as_the_program_does(folder):
    completer = glcic_jax.load(folder)
    image, mask = GOLDEN["image"][0], GOLDEN["mask"][0]
    np.testing.assert_allclose(
        completer.complete(GOLDEN["image"], GOLDEN["mask"]),
        GOLDEN["glcic_pytorch/completed"],
        atol=TOLERANCE,
    )
    theirs = np.rint(GOLDEN["glcic_pytorch/completed"][0] * 255)
    for completed in (
        completer(image, mask),
        glcic_jax.load(folder / "model.safetensors")(image, mask),
    ):
        assert np.abs(completed - theirs).max() <= 1
        np.testing.assert_array_equal(completed[mask[..., 0] == 0], image[mask[..., 0] == 0])
    assert completer.mean_pixel == pytest.approx(MEAN)
    assert completer.reach == 153


@pytest.mark.parametrize(("dtype", "error"), [("float16", 0.0), ("bfloat16", 2**-8)])
def test_stored_smaller(tmp_path, dtype, error):
    weights = weights_of("sequential")  # whose values are float16's
    file = write_exchange(weights, tmp_path, dtype)
    assert file.stat().st_size < 0.75 * write_exchange(weights, tmp_path / "whole").stat().st_size
    back = read_exchange(tmp_path)
    for name, tensor in weights.tensors.items():
        assert back.tensors[name].dtype == np.float32
        np.testing.assert_allclose(back.tensors[name], tensor, rtol=error)


def test_values_beyond_float16_are_refused():
    with pytest.raises(UserError, match="a holds values beyond float16: choose --dtype bfloat16"):
        cast_tensors({"a": np.float32([1e6])}, "float16")
    assert cast_tensors({"a": np.float32([1e6])}, "bfloat16")["a"].astype(np.float32)[0] == 999424


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("format", "other", "no description of weights"),
        ("version", 2, "version 2 of the format, this program reads 1: upgrade"),
        ("weights", "../model.safetensors", "weights is '../model.safetensors', expected the name"),
        ("weights", None, "weights is None"),
        ("sha256", "0", "not the file that config.json describes, or damaged"),
        ("network.width", 3, "network.width is 3, expected an even number"),
        ("network.width", 10**9, "network.width is 1000000000"),
        ("network.width", 4, "layer1.conv.bias is .2,., a glcic .* of width 4 has .4,."),
        ("network.norm", False, "norm1.norm.bias is .*has none"),
        ("network.output", ["clip"], "network.output is .'clip'., expected sigmoid or clip"),
        ("network", [], "network.kind is None"),
        ("input.mean_pixel", [0, 1], "input.mean_pixel is .0, 1., expected three numbers"),
        ("input.scale", math.nan, "input.scale is nan, expected a number above 0"),
        ("scores", {"l1": "low"}, "scores is .*expected numbers by name"),
    ],
)
def test_a_wrong_description_is_refused(folder, tmp_path, field, value, message):
    shutil.copytree(folder, tmp_path / "copy")
    path = tmp_path / "copy" / "config.json"
    config = json.loads(path.read_text())
    *outer, last = field.split(".")
    node = config
    for part in outer:
        node = node[part]
    node[last] = value
    path.write_text(json.dumps(config))
    with pytest.raises(UserError, match=message) as caught:
        read_exchange(tmp_path / "copy")
    assert "\n" not in str(caught.value)


def test_damaged_and_foreign_files_are_refused(folder, tmp_path):
    path = tmp_path / "copy" / "model.safetensors"
    shutil.copytree(folder, path.parent)
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(UserError, match="or damaged: get it anew"):
        glcic_jax.load(path)
    shutil.move(path, path.with_name("other.safetensors"))
    with pytest.raises(UserError, match="beside it describes model.safetensors"):
        glcic_jax.load(path.with_name("other.safetensors"))
    with pytest.raises(UserError, match="model.safetensors: No such file"):
        glcic_jax.load(path.parent)
    save_file({"a": np.zeros(1)}, tmp_path / "alone.safetensors")
    with pytest.raises(UserError, match="no config.json beside it describes it"):
        glcic_jax.load(tmp_path / "alone.safetensors")
    for content in ("{", "[" * 100_000, "[]"):
        (path.parent / "config.json").write_text(content)
        with pytest.raises(UserError, match="config.json: no"):
            glcic_jax.load(path.with_name("model.safetensors"))


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    for content in ("{}", '{"format": "glcic_jax weights", "version": 2}'):
        (tmp_path / "config.json").write_text(content)
        with pytest.raises(UserError, match=r"config\.json"):
            write_exchange(weights_of("sequential"), tmp_path)
        assert [p.name for p in tmp_path.iterdir()] == ["config.json"]
    write_exchange(weights_of("sequential"), tmp_path / "new" / "a.safetensors")
    with pytest.raises(UserError, match="belongs to something else"):
        write_exchange(weights_of("sequential"), tmp_path / "new" / "b.safetensors")


def test_steps_are_for_runs(folder):
    with pytest.raises(UserError, match="is not a run folder: choose no step"):
        glcic_jax.load(folder, step=3)


def test_input_of_other_networks_is_scaled_and_filled():
    image = np.random.default_rng(0).random((1, 4, 4, 3), np.float32)
    mask = np.zeros((1, 4, 4, 1), np.float32)
    mask[0, 1, 2] = 1
    x = completion_input(image, mask, (0.5, 0.5, 0.5), 2.0, (0.25, 0.5, 1.0))
    np.testing.assert_allclose(x[0, 0, 0, :3], 2 * image[0, 0, 0] - 1, atol=1e-6)
    np.testing.assert_array_equal(x[0, 1, 2], [0.25, 0.5, 1.0, 1.0])
