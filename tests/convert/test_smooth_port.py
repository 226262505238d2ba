"""Networks that add to a smooth fill, as ONNX models and in PyTorch: at any size, of any form."""

from functools import cache

import numpy as np
import pytest
from safetensors.numpy import save_file

from glcic_jax.complete.completer import make_complete_fn
from glcic_jax.convert.onnx import to_onnx
from glcic_jax.convert.pytorch_smooth import from_state_dict, to_state_dict
from glcic_jax.weights.exchange import read_exchange
from glcic_jax.weights.glcic import CompletionWeights, completion_shapes, fold
from glcic_jax.weights.pretrained import BUNDLED
from tests.helpers.ports import convert

MEAN = (0.46, 0.42, 0.38)
SIZES = [(4, 4), (9, 130), (63, 65), (64, 128), (301, 402)]
FORMS = [(4, 4, False), (6, 6, False), (2, 8, False), (4, 4, True)]
"""Width, number of dilated layers, and whether batch norm is folded."""

CASES = [
    (FORMS[1], (63, 65)),
    *(pytest.param(form, (5, 7), marks=pytest.mark.slow) for form in FORMS),
]
"""A form and a size."""


def random_weights(width=4, dilated=4, folded=False):
    """Draws a network whose corrections are a few tenths."""
    rng = np.random.default_rng(width + dilated)
    tensors = {}
    for name, shape in completion_shapes(width, dilated_layers=dilated).items():
        drawn = rng.normal(1 if name.endswith(("var", "scale")) else 0, 0.1, shape)
        if name.endswith("kernel"):
            drawn *= 10 / np.sqrt(np.prod(shape[:3]))
        tensors[name] = (np.abs(drawn) if name.endswith("var") else drawn).astype(np.float32)
    weights = CompletionWeights(tensors=tensors, output="difference", mean_pixel=MEAN)
    return fold(weights) if folded else weights


def drawn(height, width):
    """Draws two pictures, with holes within and at the edge; the second knows a corner only."""
    rng = np.random.default_rng(height)
    image = rng.random((2, height, width, 3), np.float32)
    mask = np.zeros((2, height, width, 1), np.float32)
    mask[0, height // 4 : height // 2 + 1, width // 4 : width // 2 + 1] = 1
    mask[0, -1:, width // 2 :] = 1
    mask[1] = 1
    mask[1, :2, :2] = 0
    return np.where(mask > 0, np.float32(np.nan), image), mask


@cache
def ours(form, size):
    """Completes what `drawn` draws with the network of a form, or with the one that ships."""
    weights = random_weights(*form) if form else read_exchange(BUNDLED)
    return np.asarray(make_complete_fn(*weights.completing())(*drawn(*size)))


def check_alike(program, form, size):
    """Checks a program, of channels first, against our completion of the same arrays."""
    image, mask = drawn(*size)
    theirs = program(image.transpose(0, 3, 1, 2), mask.transpose(0, 3, 1, 2))
    theirs = theirs.transpose(0, 2, 3, 1)
    assert np.isfinite(theirs).all()
    assert theirs[mask[..., 0] > 0].std() > 0.02
    np.testing.assert_allclose(theirs, ours(form, size), atol=3e-5)
    known = np.broadcast_to(mask == 0, image.shape)
    np.testing.assert_array_equal(theirs[known], image[known])


def in_onnxruntime(model):
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return lambda image, mask: session.run(["output"], {"image": image, "mask": mask})[0]


def in_pytorch(state):
    torch = pytest.importorskip("torch")
    from tests.helpers.smooth_pytorch import SmoothCompletion

    network = SmoothCompletion.of({n: torch.as_tensor(t) for n, t in state.items()})
    return lambda *inputs: network(*map(torch.as_tensor, inputs)).numpy()


@pytest.mark.parametrize(("form", "size"), CASES)
def test_onnx_models_complete_as_ours(form, size):
    pytest.importorskip("onnx")
    check_alike(in_onnxruntime(to_onnx(random_weights(*form))), form, size)


@pytest.mark.parametrize(("form", "size"), CASES)
def test_the_class_in_pytorch_completes_as_ours(form, size):
    check_alike(in_pytorch(to_state_dict(random_weights(*form))[1]), form, size)


@pytest.mark.slow
def test_the_network_that_ships_completes_alike_everywhere(tmp_path):
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnx")
    for name in "net.onnx", "net.pth":
        assert convert("pretrained", tmp_path / name) == 0
    state = torch.load(tmp_path / "net.pth", weights_only=True)
    for program in in_onnxruntime((tmp_path / "net.onnx").read_bytes()), in_pytorch(state):
        for size in SIZES:
            check_alike(program, (), size)


@pytest.mark.parametrize("form", FORMS)
def test_state_dicts_come_back_bit_for_bit(form, tmp_path):
    weights = random_weights(*form)
    title, state = to_state_dict(weights)
    assert title.startswith("SmoothCompletion")
    save_file(state, tmp_path / "net.safetensors")
    assert convert(tmp_path / "net.safetensors", tmp_path / "out") == 0
    back = read_exchange(tmp_path / "out")
    assert (back.output, back.norm, back.width) == ("difference", not form[2], form[0])
    assert back.mean_pixel == pytest.approx(MEAN)
    assert back.tensors.keys() == weights.tensors.keys()
    assert all(np.array_equal(back.tensors[n], t) for n, t in weights.tensors.items())


@pytest.mark.parametrize(
    ("changed", "flags", "message"),
    [
        ({"mean_pixel": np.float32([0.4, 0.4, 9])}, (), "mean_pixel must be three numbers in 0 to"),
        ({"mean_pixel": np.float32([0.4])}, (), "mean_pixel must be three numbers in 0 to 1"),
        ({}, ("--mean-pixel=.4,.4,.4",), "holds its mean pixel itself: leave --mean-pixel out"),
        ({"layer1.weight": np.zeros((4, 3, 5, 5), "f")}, (), "layer1.weight is 4x3x5x5, expected"),
        (
            {"layer5.bias": np.zeros(7, "f")},
            (),
            "layer5.bias is 7, a completion network of",
        ),
        (
            {"layer5.bias": np.full(16, np.nan, "f")},
            (),
            "layer5.bias holds values that are not f",
        ),
        ({"layer18.bias": np.zeros(7, "f")}, (), "layer18.bias is too many"),
    ],
)
def test_other_networks_are_refused_in_a_line(changed, flags, message, tmp_path, capsys):
    save_file(to_state_dict(random_weights())[1] | changed, tmp_path / "net.safetensors")
    assert convert(tmp_path / "net.safetensors", tmp_path / "out", *flags) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert not (tmp_path / "out").exists()


def test_the_reader_takes_what_the_writer_makes_of_the_network_that_ships():
    weights = read_exchange(BUNDLED)
    back = from_state_dict(to_state_dict(weights)[1], "net.pth")
    assert all(np.array_equal(back.tensors[n], t) for n, t in weights.tensors.items())
