"""The race of completion: its command line, and sides whose package is not installed."""

import sys
import time

import pytest

from benchmarks import complete, inputs
from benchmarks.race import Result
from benchmarks.worker import built, timed
from glcic_jax.convert.onnx import to_onnx
from glcic_jax.weights.glcic import CompletionWeights


def test_the_command_line():
    parser = complete.complete_parser()
    assert parser.parse_args([]).networks == ["64"]
    options = parser.parse_args(["--sizes", "mixed", "--networks", "16", "32", "--sides", "ours"])
    assert options.sizes == ["mixed"]
    assert options.networks == ["16", "32"]
    assert options.sides == ["ours"]
    with pytest.raises(SystemExit):
        parser.parse_args(["--sides", "Caffe"])


def test_a_network_that_is_not_there_is_refused(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["complete", "--networks", "no/such/folder"])
    with pytest.raises(SystemExit, match="2"):
        complete.main()
    assert "neither a width nor a folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("package", "how"),
    [("onnxruntime", "requirements-onnx.txt"), ("openvino", "pip install openvino")],
)
def test_a_missing_package_leaves_its_column_out(monkeypatch, capsys, package, how):
    from benchmarks.peers import onnx_sides

    monkeypatch.setitem(sys.modules, package, None)
    run, answer = built(getattr(onnx_sides, package), {"sizes": [(8, 8)], "model": "none.onnx"})
    assert run is None
    assert how in answer["note"]
    name = {"onnxruntime": "ONNX Runtime", "openvino": "OpenVINO"}[package]
    results = {"whole": Result(1.0, 100.0), name: Result(None, note=answer["note"])}
    complete.print_tables({("16", (256, 256)): results}, (1e9, 1e9))
    first, *table = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{name}: {package} is not installed")
    assert not any(name in line for line in table)


def test_without_onnx_no_side_runs_an_export(monkeypatch, capsys, tmp_path):
    monkeypatch.setitem(sys.modules, "onnx", None)
    empty = CompletionWeights(tensors={}, mean_pixel=(0, 0, 0))
    monkeypatch.setattr(complete, "export_onnx", lambda *_: to_onnx(empty))
    files = complete.exported("8", tmp_path)
    assert "requirements-onnx.txt" in capsys.readouterr().out
    names = {side.name for side in complete.sides("8", [(64, 64)], files, gpu=False)}
    assert names == {"ours", "whole", "Telea", "PyTorch", "PyTorch bfloat16"}


def test_turns_are_timed():
    answer = timed(lambda: time.sleep(0.01))
    assert answer["seconds"] >= 0.01
    assert timed(lambda: 3.5)["seconds"] == 3.5
    assert timed(lambda: {"programs": 2})["programs"] == 2


@pytest.mark.parametrize("size", [(512, 512), (64, 80), (256, 300)])
def test_holes_fit_small_pictures(size):
    image, mask = inputs.photograph(*size)
    assert image.shape == (*size, 3)
    assert mask.sum() == min(128, size[0] // 2) ** 2
