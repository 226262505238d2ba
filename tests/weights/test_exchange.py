"""Our exchange format: what is written is read, and damaged or foreign files are refused."""

import json
import math
import shutil
from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import save_file

import glcic_jax
from glcic_jax.runtime.errors import UserError
from glcic_jax.weights.exchange import read_exchange, write_exchange
from glcic_jax.weights.trained import cast_tensors
from tests.helpers.ports import GOLDEN, MEAN, TOLERANCE, weights_of


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


def test_a_folder_may_have_the_name_of_a_file(tmp_path):
    folder, weights = tmp_path / "net.safetensors", weights_of("mmagic")
    folder.mkdir()
    file = write_exchange(weights, folder)
    assert file == folder / "model.safetensors"
    assert read_exchange(folder).sha256 == read_exchange(file).sha256


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
    with pytest.raises(UserError, match="model.safetensors: no such file, but the config.json"):
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
    with pytest.raises(
        UserError, match="holds one network, not a run's checkpoints: leave the step out"
    ):
        glcic_jax.load(folder, step=3)
