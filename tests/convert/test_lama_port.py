"""LaMa's network against numbers that PyTorch made, in and out, and its files."""

import sys
from dataclasses import replace

import jax
import numpy as np
import pytest
from safetensors.numpy import save_file

import glcic_jax
from glcic_jax.convert.onnx_lama import to_onnx
from glcic_jax.convert.pytorch_lama import from_state_dict, to_state_dict
from glcic_jax.convert.stablehlo import to_stablehlo
from glcic_jax.runtime.errors import UserError
from glcic_jax.weights.exchange import read_exchange, write_exchange
from glcic_jax.weights.lama import LamaWeights, generator_shapes
from tests.helpers.hub import hub_in
from tests.helpers.lama_port import BLOCKS, GOLDEN, STATE, WIDTH
from tests.helpers.ports import convert

IMAGE, MASK = GOLDEN["image"].astype(np.float32) / 255, GOLDEN["mask"].astype(np.float32)
FIRST = "generator.model.1.ffc.convl2l.weight"
SIZES = (64, 64), (45, 67), (5, 9), (130, 200), (1, 40)


@pytest.fixture(scope="module")
def weights():
    return from_state_dict(STATE, "models/best.ckpt")


@pytest.mark.slow
@pytest.mark.reference
def test_the_authors_network_gives_its_numbers(weights):
    """Tries a picture whose edges are not multiples of anything."""
    raw = GOLDEN["raw"]
    assert raw.std() > 0.05
    method, state = weights.completing()
    previews = jax.jit(method.previews)(state, IMAGE, MASK, jax.random.key(0))
    np.testing.assert_allclose(previews["raw output"], raw, atol=1e-5)
    np.testing.assert_array_equal(
        previews["completed"], np.where(MASK > 0, raw_of(previews), IMAGE)
    )


def raw_of(previews):
    return np.asarray(previews["raw output"])


@pytest.mark.slow
def test_exported_programs_complete_as_ours_at_any_size(weights):
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(to_onnx(weights), providers=["CPUExecutionProvider"])
    program = jax.export.deserialize(bytearray(to_stablehlo(weights)))
    method, state = weights.completing()
    rng = np.random.default_rng(0)
    for height, width in SIZES:
        image = rng.random((1, height, width, 3), np.float32)
        mask = (rng.random((1, height, width, 1)) > 0.6).astype(np.float32)
        ours = np.asarray(jax.jit(method.complete)(state, image, mask, jax.random.key(0)))
        first = {"image": image.transpose(0, 3, 1, 2), "mask": mask.transpose(0, 3, 1, 2)}
        theirs = session.run(None, first)[0].transpose(0, 2, 3, 1)
        np.testing.assert_allclose(theirs, ours, atol=1e-5)
        np.testing.assert_array_equal(theirs[mask[..., 0] == 0], image[mask[..., 0] == 0])
        np.testing.assert_allclose(program.call(image, mask), ours, atol=1e-5)


def test_a_state_dict_comes_back_bit_for_bit(weights):
    title, back = to_state_dict(weights)
    assert title == "advimman/lama"
    assert back.keys() == STATE.keys()
    for name, tensor in STATE.items():
        np.testing.assert_array_equal(back[name], tensor, err_msg=name)
    assert generator_shapes(WIDTH, BLOCKS) == {n: t.shape for n, t in weights.tensors.items()}


@pytest.mark.parametrize("prefix", ["", "generator.", "model.generator."])
def test_all_names_that_files_have_are_known(weights, prefix):
    state = {prefix + name.removeprefix("generator."): tensor for name, tensor in STATE.items()}
    outer = prefix.removesuffix("generator.")
    state[f"{outer}discriminator.model0.0.weight"] = np.zeros((2, 3, 4, 4), np.float32)
    state[f"{outer}loss_resnet_pl.impl.conv1.weight"] = np.zeros(3, np.float32)
    found = from_state_dict(state, "big-lama.pt")
    for name, tensor in weights.tensors.items():
        np.testing.assert_array_equal(found.tensors[name], tensor)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({FIRST: np.zeros((2, 3, 7, 7))}, "is 2x3x7x7, LaMa of width 2 and 2 blocks has 2x4x7x7"),
        ({FIRST: np.zeros(())}, "is a number, expected Wx4x7x7"),
        ({"generator.model.6.conv2.bn_g.running_var": None}, "bn_g.running_var is absent"),
        ({"generator.model.9.weight": np.zeros(2)}, "model.9.weight is 2, LaMa of"),
        ({"generator.model.5.conv1.ffc.gate.weight": np.zeros(2)}, "gate.weight is too many"),
        ({"unheard": np.zeros(2)}, "unheard is too many"),
        ({"generator.model.18.bias": np.full(3, np.nan)}, "holds values that are not finite"),
    ],
)  # fmt: skip
def test_another_network_is_refused_with_what_was_found(change, message):
    state = {n: t for n, t in (STATE | change).items() if t is not None}
    with pytest.raises(UserError, match=message):
        from_state_dict(state, "net.pth")


# The command -------------------------------------------------------------------------------------


def test_from_the_authors_file_to_what_is_loaded(weights, tmp_path, capsys):
    save_file(STATE, tmp_path / "net.safetensors")
    assert convert(tmp_path / "net.safetensors", tmp_path / "out", "--dtype=float16") == 0
    assert "LaMa network of width 2, 2 blocks, 9,271 parameters" in capsys.readouterr().out
    back = read_exchange(tmp_path / "out")
    assert isinstance(back, LamaWeights)
    for name, tensor in weights.tensors.items():
        np.testing.assert_allclose(back.tensors[name], tensor, rtol=1e-3, atol=1e-6)  # float16
    completer = glcic_jax.load(tmp_path / "out")
    assert (completer.reach, completer.alignment) == (None, 8)
    for arguments, message in (
        (("net.safetensors", "x", "--mean-pixel=0,0,0"), "net.safetensors sees black holes"),
        (("out", "x", "--fold"), "--fold is for GLCIC's network"),
    ):
        source, target, *more = arguments
        assert convert(tmp_path / source, tmp_path / target, *more) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert message in line
        assert not list(tmp_path.glob("x*"))


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [("blocks", 0, "network.blocks is 0, expected a whole number to 1000"),
     ("blocks", 3, "block3_first.* is absent, a lama network of width 2 has"),
     ("width", 1, "network.width is 1, expected a whole number from 2 to 4096")],
)  # fmt: skip
def test_a_description_that_does_not_fit_is_refused(weights, tmp_path, field, value, message):
    write_exchange(replace(weights, step=7), tmp_path)
    config = (tmp_path / "config.json").read_text()
    (tmp_path / "config.json").write_text(config.replace(f'"{field}": 2', f'"{field}": {value}'))
    with pytest.raises(UserError, match=message):
        read_exchange(tmp_path)


def test_a_network_goes_to_the_hub_and_comes_back(weights, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub_in(tmp_path))
    save_file(STATE, tmp_path / "net.safetensors")
    assert convert(tmp_path / "net.safetensors", "hf://me/lama", "--license=apache-2.0") == 0
    assert "LaMa network of width 2" in (tmp_path / "me/lama/README.md").read_text()
    assert glcic_jax.load("hf://me/lama", texture=False).alignment == 8


def test_networks_without_fourier_convolutions_are_named(tmp_path, capsys):
    save_file({"generator.model.1.weight": np.zeros((2, 4, 7, 7))}, tmp_path / "net.safetensors")
    assert convert(tmp_path / "net.safetensors", tmp_path / "out") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "without Fourier convolutions: only those with them are read" in line


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_the_tensors_of_a_torchscript_archive_are_read(weights, tmp_path):
    torch = pytest.importorskip("torch")
    from tests.helpers.lama_pytorch import Generator

    class Holder(torch.nn.Module):
        """Holds a module by a name, and calls it."""

        def __init__(self, name, module):
            super().__init__()
            setattr(self, name, module)

        def forward(self, x):
            return next(self.children())(x)

    net = Generator(WIDTH, BLOCKS).eval()
    net.load_state_dict({n[10:]: torch.from_numpy(t) for n, t in STATE.items()}, strict=False)
    whole = Holder("model", Holder("generator", net))
    torch.jit.trace(whole, torch.rand(1, 4, 32, 32)).save(tmp_path / "big-lama.pt")
    assert convert(tmp_path / "big-lama.pt", tmp_path / "out") == 0
    found = read_exchange(tmp_path / "out")
    for name, tensor in weights.tensors.items():
        np.testing.assert_array_equal(found.tensors[name], tensor)


def test_pytorch_files(weights, tmp_path, capsys):
    torch = pytest.importorskip("torch")
    state = {n: torch.from_numpy(t) for n, t in STATE.items()}
    torch.save({"epoch": 3, "state_dict": state}, tmp_path / "best.ckpt")
    assert convert(tmp_path / "best.ckpt", tmp_path / "net") == 0
    assert convert(tmp_path / "net", tmp_path / "back.pth") == 0
    assert "mean pixel" not in capsys.readouterr().out  # the program sees black holes
    assert torch.load(tmp_path / "back.pth", weights_only=True).keys() == state.keys()
