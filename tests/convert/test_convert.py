"""The command that converts: every kind of file in and out, and the hub."""

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from safetensors.numpy import save_file

import glcic_jax
from glcic_jax.complete.__main__ import main as complete
from glcic_jax.convert.pytorch_glcic import from_state_dict
from glcic_jax.methods.by_name import METHODS
from glcic_jax.pictures.decode import decode
from glcic_jax.runtime.run_folder import METRICS_FILE
from glcic_jax.train.step import init_key
from glcic_jax.weights.checkpoint import Checkpoints
from glcic_jax.weights.exchange import read_exchange, write_exchange
from glcic_jax.weights.hub import model_card
from tests.helpers.hub import hub_in
from tests.helpers.ports import (
    GOLDEN,
    MEAN,
    PROGRAMS,
    convert,
    mean_of,
    state_of,
    torch7_bytes,
    torch7_model,
    write_plain_chain,
)
from tests.helpers.small import small_config

COLOUR = ",".join(map(str, MEAN))
IMAGE = (GOLDEN["image"] / 255).astype(np.float32)
MASK = GOLDEN["mask"].astype(np.float32)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Writes a run folder of an untrained network, with scores."""
    run = tmp_path_factory.mktemp("run")
    config = small_config(width=2, discriminators=(), phases__discriminator=0, phases__joint=0)
    method = METHODS["glcic"](config, MEAN)
    with Checkpoints(run, keep=2) as checkpoints:
        about = {"config": config.to_dict(), "mean_pixel": MEAN}
        checkpoints.save(3, method.init(init_key(0)), about=about, metrics={})
    scores = {"held_out/l1": 0.125, "held_out/psnr": float("inf")}
    record = {"kind": "held_out", "step": 3, "phase": "completion"} | scores
    (run / METRICS_FILE).write_text(json.dumps(record) + "\n")
    return run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_plain_chain(tmp_path_factory.mktemp("weights"))


def test_a_run_and_its_converted_weights_complete_alike(run, tmp_path, capsys):
    assert convert(run, tmp_path / "out") == 0
    printed = capsys.readouterr().out
    assert "width 2, 6,423 parameters, batch norm, then ReLU" in printed
    assert "wrote" in printed
    image, mask = GOLDEN["image"][0], GOLDEN["mask"][0, ..., 0]
    ours, converted = glcic_jax.load(run), glcic_jax.load(tmp_path / "out")
    np.testing.assert_array_equal(converted(image, mask), ours(image, mask))
    assert (converted.step, converted.mean_pixel, converted.reach) == (3, ours.mean_pixel, 153)
    weights = read_exchange(tmp_path / "out")
    assert weights.scores == {"held_out/l1": 0.125}  # JSON has no infinity
    assert weights.run is not None
    assert weights.run["width"] == 2
    for name in ("image", "mask"):
        picture = GOLDEN[name][0] * (1 if name == "image" else 255)
        cv2.imwrite(str(tmp_path / f"{name}.png"), picture[..., ::-1])
    flags = [f"--{name}={tmp_path / name}.png" for name in ("image", "mask", "output")]
    assert complete([f"--checkpoint={tmp_path / 'out'}", *flags, "--postprocess"]) == 0
    blended = ours(image, mask, postprocess=True)
    np.testing.assert_array_equal(decode(tmp_path / "output.png"), blended)


@pytest.mark.parametrize("program", PROGRAMS)
def test_state_dicts_as_safetensors_need_no_pytorch(program, tmp_path):
    counters = {"bn1.num_batches_tracked": np.int64([9])} if program == "glcic_pytorch" else {}
    state = state_of(program) | counters
    if program == "sequential":  # as training on several GPUs names them
        state = {f"module.{name}": tensor for name, tensor in state.items()}
    save_file(state, tmp_path / "net.safetensors")
    more = [] if program == "mmagic" else ["--mean-pixel", COLOUR]
    assert convert(tmp_path / "net.safetensors", tmp_path / "out", *more) == 0
    theirs = from_state_dict(state_of(program), mean_of(program), "")
    back = read_exchange(tmp_path / "out")
    assert all(np.array_equal(back.tensors[n], theirs.tensors[n]) for n in theirs.tensors)
    assert back.fill_pixel == pytest.approx(theirs.fill_pixel)


def test_the_authors_file(tmp_path):
    (tmp_path / "net.t7").write_bytes(torch7_bytes(torch7_model()))
    assert convert(tmp_path / "net.t7", tmp_path / "out", "--fold", "--dtype=bfloat16") == 0
    assert not read_exchange(tmp_path / "out").norm


def test_pytorch_files(tmp_path, capsys):
    torch = pytest.importorskip("torch")
    state = {n: torch.from_numpy(t) for n, t in state_of("glcic_pytorch").items()}
    torch.save({"meta": {"epoch": 1}, "state_dict": state}, tmp_path / "model_cn_step1")
    flag = ("--mean-pixel", COLOUR)
    assert convert(tmp_path / "model_cn_step1", tmp_path / "net", *flag) == 0
    assert convert(tmp_path / "net", tmp_path / "back.pth") == 0
    assert "with the names of GLCIC-PyTorch, mean pixel 0.46" in capsys.readouterr().out
    back = torch.load(tmp_path / "back.pth", weights_only=True)
    assert back.keys() == state.keys()
    assert all(torch.equal(back[name], state[name]) for name in state)
    assert convert(tmp_path / "net", tmp_path / "half.pth", "--dtype=bfloat16") == 0
    assert torch.load(tmp_path / "half.pth")["conv1.weight"].dtype == torch.bfloat16

    torch.save({"state_dict": state, "meta": Path()}, tmp_path / "pickled")
    torch.save([1, 2], tmp_path / "list")
    (tmp_path / "cut").write_bytes((tmp_path / "model_cn_step1").read_bytes()[:-500])
    for name, message in (
        ("pickled", "which no array needs: keep its state_dict alone"),
        ("list", "found list"),
        ("cut", "damaged"),
    ):
        assert convert(tmp_path / name, tmp_path / "never", *flag) == 2
        error = capsys.readouterr().err.strip()
        assert message in error
        assert len(error.splitlines()) == 1
        assert not (tmp_path / "never").exists()


def test_stablehlo_runs_without_our_code(folder, tmp_path):
    """Runs it in a process that cannot import glcic_jax, on pictures of two sizes."""
    assert convert(folder, tmp_path / "net.stablehlo") == 0
    np.savez(tmp_path / "inputs.npz", image=IMAGE, mask=MASK)
    program = """
import sys
import jax, numpy as np
from jax import export
inputs = np.load("inputs.npz")
net = export.deserialize(bytearray(open("net.stablehlo", "rb").read()))
whole = net.call(inputs["image"], inputs["mask"])
small = net.call(*(np.repeat(inputs[n][:, 3:10, 5:14], 2, axis=0) for n in ("image", "mask")))
assert "glcic_jax" not in sys.modules and small.shape == (2, 7, 9, 3)
np.savez("outputs.npz", whole=whole)
"""
    done = subprocess.run(
        [sys.executable, "-I", "-W", "ignore", "-c", program],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    ours = np.load(tmp_path / "outputs.npz")["whole"]
    np.testing.assert_allclose(ours, GOLDEN["sequential/completed"], atol=1e-5)
    np.testing.assert_array_equal(ours[MASK[..., 0] == 0], IMAGE[MASK[..., 0] == 0])


@pytest.mark.parametrize("flags", [(), ("--fold",), ("--dtype=float16",), ("--dtype=bfloat16",)])
@pytest.mark.parametrize("program", PROGRAMS)
def test_onnx_gives_the_programs_numbers(program, flags, tmp_path):
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    write_exchange(from_state_dict(state_of(program), mean_of(program), ""), tmp_path)
    if program == "glcic_pytorch" and flags == ("--fold",):
        assert convert(tmp_path, tmp_path / "net.onnx", *flags) == 2
        return
    assert convert(tmp_path, tmp_path / "net.onnx", *flags) == 0
    session = runtime.InferenceSession(tmp_path / "net.onnx", providers=["CPUExecutionProvider"])
    image, mask = IMAGE.transpose(0, 3, 1, 2), MASK.transpose(0, 3, 1, 2)
    (output,) = session.run(["output"], {"image": image, "mask": mask})
    # The weights are float16's values already; bfloat16's are coarser.
    tolerance = 2e-2 if "--dtype=bfloat16" in flags else 1e-4
    np.testing.assert_allclose(
        output.transpose(0, 2, 3, 1), GOLDEN[f"{program}/completed"], atol=tolerance
    )
    for height, width, batch in ((8, 12, 2), (5, 4, 1)):  # and the known pixels as they came
        part, hole = (
            image[:, :, 6 : 6 + height, 8 : 8 + width],
            mask[:, :, 6 : 6 + height, 8 : 8 + width],
        )
        part, hole = np.repeat(part, batch, 0), np.repeat(hole, batch, 0)
        (output,) = session.run(None, {"image": part, "mask": hole})
        known = np.broadcast_to(hole == 0, part.shape)
        np.testing.assert_array_equal(output[known], part[known])


def test_help_needs_no_jax():
    code = (
        "import sys; from glcic_jax.convert.__main__ import parse\n"
        "try: parse(['--help'])\nexcept SystemExit: pass\nsys.exit('jax.numpy' in sys.modules)"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, check=False)
    assert done.returncode == 0, done.stdout
    assert b"completionnet_places2.t7" in done.stdout


# The hub, played by a module of that name --------------------------------------------------------


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """Replaces huggingface_hub by one with its repositories in a folder."""

    monkeypatch.setitem(sys.modules, "huggingface_hub", hub_in(tmp_path / "hub"))
    return tmp_path / "hub"


def test_push_and_load(run, hub, capsys):
    assert convert(run, "hf://someone/faces", "--license=mit") == 0
    assert "https://huggingface.co/someone/faces" in capsys.readouterr().out
    assert {p.name for p in (hub / "someone/faces").iterdir()} == {
        "README.md", "config.json", "model.safetensors"
    }  # fmt: skip
    assert glcic_jax.load("hf://someone/faces").step == 3
    card = (hub / "someone/faces/README.md").read_text()
    assert card.startswith("---\nlicense: mit\n")
    assert "| held_out/l1 | 0.125 |" in card
    assert "| optimizer.learning_rate | 1.0 |" in card
    assert 'glcic_jax.load("hf://someone/faces")' in card


def test_a_card_of_foreign_weights_claims_nothing():
    weights = from_state_dict(state_of("mmagic"), None, "models/gl.pth")
    card = model_card(weights, "someone/gl", "apache-2.0")
    assert "| source | gl.pth (MMagic) |" in card
    assert "Nothing: no scores came with the weights." in card
    assert "Training" not in card


def test_hub_mistakes_get_one_line(hub, folder, tmp_path, capsys):
    for arguments, message in (
        (("hf://no/such", tmp_path / "x"), "cannot download it: 404 Client Error no no/such"),
        (("hf://such", tmp_path / "x"), "write hf://OWNER/NAME"),
        ((folder, "hf://a/b"), "give the weights' --license"),
        ((folder, tmp_path / "x", "--license=mit"), "--license is for hf:// only"),
    ):
        assert convert(*arguments) == 2
        error = capsys.readouterr().err.strip()
        assert message in error
        assert len(error.splitlines()) == 1
