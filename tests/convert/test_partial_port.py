"""pytorch-inpainting-with-partial-conv's network against numbers that PyTorch made, in and out."""

from dataclasses import replace
from itertools import product

import jax
import numpy as np
import pytest
from safetensors.numpy import save_file

import glcic_jax
from configs import pconv_places2
from glcic_jax.convert.pytorch_partial_conv import MEAN, from_state_dict, to_state_dict
from glcic_jax.methods.by_name import METHODS
from glcic_jax.runtime.errors import UserError
from glcic_jax.weights.checkpoint import Checkpoints
from glcic_jax.weights.exchange import read_exchange, write_exchange
from glcic_jax.weights.partial_conv import PartialWeights, unet_shapes
from tests.helpers.partial_port import GOLDEN, STATE
from tests.helpers.ports import convert

IMAGE, MASK = (GOLDEN[name].astype(np.float32) for name in ("image", "mask"))
FIRST = "enc_1.conv.input_conv.weight"


@pytest.fixture(scope="module")
def weights():
    return from_state_dict(STATE, "models/1000000.pth")


@pytest.mark.slow
@pytest.mark.reference
def test_the_ports_network_gives_its_numbers(weights):
    """Tries a picture whose edges are not multiples of anything."""
    assert (weights.width, weights.levels) == (2, 7)
    raw = GOLDEN["raw"]
    assert raw.std() > 0.05
    method, state = weights.completing()
    previews = jax.jit(method.previews)(state, IMAGE / 255, MASK, jax.random.key(0))
    np.testing.assert_allclose(previews["raw output"], np.clip(raw, 0, 1), atol=1e-5)
    np.testing.assert_allclose(previews["completed"], GOLDEN["completed"], atol=1e-5)


def test_a_state_dict_comes_back(weights):
    title, back = to_state_dict(weights)
    assert title == "pytorch-inpainting-with-partial-conv"
    assert back.keys() == STATE.keys()
    for name, tensor in STATE.items():
        np.testing.assert_allclose(back[name], tensor, rtol=3e-7)


def test_biases_before_batch_norm_go_out_with_it(weights):
    """Ours may have them, the port's have not: its statistics take them up."""
    tensors = dict(weights.tensors)
    for side, level in product(("encode", "decode"), range(2, 8)):
        name, mean = f"{side}{level}.bias", f"{side}_norm{level}.mean"
        tensors[name] = np.linspace(-0.1, 0.1, len(tensors[name]), dtype=np.float32)
        tensors[mean] = tensors[mean] + tensors[name]
    back = from_state_dict(to_state_dict(replace(weights, tensors=tensors))[1], "back.pth")
    for name, tensor in weights.tensors.items():
        np.testing.assert_allclose(back.tensors[name], tensor, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mean_pixel": (0.5, 0.5, 0.5)}, "this network was trained at another"),
        ({"encode1.bias": np.ones(2, np.float32)}, "has no bias in the first layer"),
    ],
)
def test_what_the_port_cannot_do_is_refused(weights, change, message):
    if "mean_pixel" not in change:
        change = {"tensors": weights.tensors | change}
    with pytest.raises(UserError, match=message):
        to_state_dict(replace(weights, **change))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({FIRST: np.zeros((2, 4, 7, 7))}, "is 2x4x7x7, a partial-.* of width 2 and 7 .* has 2x3"),
        ({FIRST: np.zeros(())}, "is a number, expected Wx3x7x7"),
        ({"enc_3.bn.running_var": None}, "enc_3.bn.running_var is absent"),
        ({"enc_9.bn.weight": np.zeros(2)}, "enc_9.bn.weight is too many"),
        ({"enc_2.conv.mask_conv.weight": np.zeros((4, 2, 5, 5))}, "mask_conv.weight is not all 1"),
        ({"dec_1.conv.input_conv.bias": np.full(3, np.nan)}, "holds values that are not finite"),
    ],
)  # fmt: skip
def test_another_network_is_refused_with_what_was_found(change, message):
    state = {n: t for n, t in (STATE | change).items() if t is not None}
    with pytest.raises(UserError, match=message):
        from_state_dict(state, "net.pth")


# The command -------------------------------------------------------------------------------------


def test_from_the_ports_file_to_what_is_loaded(weights, tmp_path, capsys):
    counters = {"enc_2.bn.num_batches_tracked": np.int64([9])}
    state = {f"module.{name}": tensor for name, tensor in (STATE | counters).items()}
    save_file(state, tmp_path / "net.safetensors")
    assert convert(tmp_path / "net.safetensors", tmp_path / "out", "--dtype=float16") == 0
    assert "partial-convolution network of width 2, 7 levels" in capsys.readouterr().out
    assert convert(tmp_path / "out", tmp_path / "again/net.safetensors") == 0
    back = read_exchange(tmp_path / "again/net.safetensors")
    assert isinstance(back, PartialWeights)
    assert back.mean_pixel == MEAN
    completer = glcic_jax.load(tmp_path / "out")
    assert (completer.reach, completer.alignment) == (389, 128)
    for name, tensor in weights.tensors.items():
        np.testing.assert_allclose(back.tensors[name], tensor, rtol=1e-3, atol=1e-6)  # float16
    for arguments, message in (
        (
            ("net.safetensors", "x", "--mean-pixel=0,0,0"),
            "net.safetensors is centred at ImageNet's mean",
        ),
        (("out", "x", "--fold"), "--fold is for GLCIC's network"),
        (("out", "x.onnx"), "x.onnx: .onnx takes networks of GLCIC and LaMa"),
        (("out", "x.stablehlo"), ".stablehlo takes networks of GLCIC and LaMa"),
    ):
        source, target, *more = arguments
        assert convert(tmp_path / source, tmp_path / target, *more) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert message in line
        assert not list(tmp_path.glob("x*"))


def test_pytorch_files(weights, tmp_path, capsys):
    torch = pytest.importorskip("torch")
    state = {n: torch.from_numpy(t) for n, t in STATE.items()}
    torch.save({"n_iter": 3, "model": state, "optimizer": {"state": {}}}, tmp_path / "3.pth")
    assert convert(tmp_path / "3.pth", tmp_path / "net") == 0
    assert convert(tmp_path / "net", tmp_path / "back.pth") == 0
    printed = capsys.readouterr().out
    assert "with the names of pytorch-inpainting-with-partial-conv" in printed
    assert "mean pixel" not in printed  # reading it back takes none
    assert torch.load(tmp_path / "back.pth", weights_only=True).keys() == state.keys()


@pytest.mark.slow
def test_a_run_and_its_converted_weights_complete_alike(tmp_path):
    config = pconv_places2.get_config("32")
    config.width, config.levels = 2, 3
    method = METHODS["partial_conv"](config, (0.4, 0.5, 0.6))
    with Checkpoints(tmp_path / "run", keep=1) as checkpoints:
        about = {"config": config.to_dict(), "mean_pixel": (0.4, 0.5, 0.6)}
        checkpoints.save(3, method.init(jax.random.key(0)), about=about, metrics={})
    assert convert(tmp_path / "run", tmp_path / "out") == 0
    image, mask = GOLDEN["image"][0], GOLDEN["mask"][0, ..., 0]
    ours, converted = (glcic_jax.load(tmp_path / name) for name in ("run", "out"))
    completed = ours(image, mask)
    assert not np.array_equal(completed, image)
    np.testing.assert_array_equal(converted(image, mask), completed)
    assert (converted.step, converted.reach) == (3, ours.reach)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [("levels", 9, "network.levels is 9, expected 2 to 8"),
     ("levels", 6, "decode7.bias is .* of width 2 has none"),
     ("kind", "gan", "network.kind is 'gan', expected \"glcic")],
)  # fmt: skip
def test_a_description_that_does_not_fit_is_refused(weights, tmp_path, field, value, message):
    write_exchange(weights, tmp_path)
    config = (tmp_path / "config.json").read_text()
    old = {"levels": 7, "kind": '"partial convolution network"'}[field]
    new = f'"{value}"' if isinstance(value, str) else value
    (tmp_path / "config.json").write_text(config.replace(f'"{field}": {old}', f'"{field}": {new}'))
    with pytest.raises(UserError, match=message):
        read_exchange(tmp_path)


def test_tensors_are_those_of_the_networks_own_start():
    assert unet_shapes(2, 7) == {n: t.shape for n, t in from_state_dict(STATE, "").tensors.items()}
