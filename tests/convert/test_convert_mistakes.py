"""Mistakes of those who convert: each gets one line; a missing extra is named."""

import pickle
import sys

import numpy as np
import pytest
from safetensors.numpy import save_file

from glcic_jax.weights.exchange import read_exchange, write_exchange
from tests.helpers.ports import convert, write_plain_chain


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_plain_chain(tmp_path_factory.mktemp("weights"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("IN/none", "OUT"), "none: no such file or folder"),
        (("IN/empty", "OUT"), "empty: no run folder with a checkpoint"),
        (("IN/text", "OUT"), "text: not a known file of weights"),
        (("IN/zip", "OUT"), "zip: "),
        (("IN/bare.pth", "OUT"), "no tensors by name are in it: write a network's state_dict"),
        (("IN/cut.safetensors", "OUT"), "not a safetensors file, or damaged"),
        (("IN/other.safetensors", "OUT"), "expected one of 0.weight"),
        (("IN/alone.safetensors", "OUT.pth"), "no config.json beside them describes them: copy"),
        (("IN/whole.safetensors", "OUT"), "whole.safetensors: b is I64: only floats can be read"),
        (("IN/net", "OUT.onyx"), "OUT.onyx: unknown kind of file; write .safetensors, .onnx"),
        (("IN/net", "IN/text/out"), "cannot write it"),
        (("IN/net", "OUT", "--mean-pixel=0,0,0"), "holds its mean pixel itself"),
        (
            ("IN/net", "OUT", "--step=1"),
            "net holds one network, not a run's checkpoints: leave --step out",
        ),
        (("IN/other.safetensors", "OUT", "--mean-pixel=1,2"), "write three numbers in 0 to 1"),
        (("IN/other.safetensors", "OUT", "--mean-pixel=9,9,nan"), "write three numbers in 0 to 1"),
    ],
)
def test_mistakes_get_one_line_and_exit_code_2(folder, tmp_path, capsys, arguments, message):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text").write_text("Dear diary")
    (tmp_path / "zip").write_bytes(b"PK\3\4 and no more")
    file = write_exchange(read_exchange(folder), tmp_path / "net")
    (tmp_path / "alone.safetensors").write_bytes(file.read_bytes())
    (tmp_path / "bare.pth").write_bytes(pickle.dumps({"epoch": 3}))
    save_file({"a": np.zeros(3)}, tmp_path / "other.safetensors")
    save_file({"b": np.arange(3)}, tmp_path / "whole.safetensors")
    (tmp_path / "cut.safetensors").write_bytes((tmp_path / "other.safetensors").read_bytes()[:-3])
    before = sorted(tmp_path.rglob("*"))
    arguments = [
        a.replace("IN", str(tmp_path)).replace("OUT", str(tmp_path / "OUT")) for a in arguments
    ]
    assert convert(*arguments) == 2
    error = capsys.readouterr().err.strip()
    assert message in error
    assert len(error.splitlines()) == 1
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("module", "output", "extra"),
    [
        ("torch", "net.pth", "torch"),
        ("onnx", "net.onnx", "onnx"),
        ("huggingface_hub", "hf://a/b", "hub"),
    ],
)
def test_a_missing_extra_is_named(folder, tmp_path, monkeypatch, capsys, module, output, extra):
    monkeypatch.setitem(sys.modules, module, None)
    more = ["--license=mit"] if output.startswith("hf") else []
    target = output if more else tmp_path / output
    assert convert(folder, target, *more) == 2
    assert f"pip install -r requirements-{extra}.txt" in capsys.readouterr().err
