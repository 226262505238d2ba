"""Weights files, made here by hand: what is read, and what is refused."""

import pickle
import random
import sys
import types
import zipfile

import numpy as np
import pytest

from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.pickled_names import StoredTensor
from glcic_jax.runtime.tensor_files import _filled, read_tensors
from tests.helpers.torch_files import Stored, dumps, legacy, stand_in, zipped

rng = np.random.default_rng(0)
ARRAYS = {
    "kernel": rng.random((2, 3, 4, 5), np.float32),
    "count": np.array(7, np.int64),
    "empty": np.zeros((0, 3), np.float32),
}


@pytest.fixture
def torch(monkeypatch):
    return stand_in(monkeypatch)


def plain(torch, arrays):
    del torch
    return pickle.dumps({"deep": arrays}, protocol=4)


@pytest.mark.parametrize("form", [legacy, zipped, plain])
def test_arrays_come_back(form, torch, tmp_path):
    path = tmp_path / "weights"
    path.write_bytes(form(torch, ARRAYS))
    found = read_tensors(path)
    found = found.get("deep", found)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype


@pytest.mark.parametrize("form", [legacy, zipped, plain])
def test_damaged_files_raise_nothing_but_a_line(form, torch, tmp_path):
    whole = form(torch, ARRAYS)
    path = tmp_path / "weights"
    chance = random.Random(0)
    refused = 0
    for _ in range(100):
        data = bytearray(whole[: chance.randrange(len(whole))] if chance.random() < 0.3 else whole)
        for _ in range(3):
            if data:
                data[chance.randrange(min(len(data), 400))] = chance.randrange(256)
        path.write_bytes(data)
        try:
            read_tensors(path)
        except UserError as error:
            assert len(str(error).splitlines()) == 1
            refused += 1
    assert refused > 30


class Evil:
    def __reduce__(self):
        return (open, ("/tmp/glcic_jax_was_run", "w"))


def test_a_pickle_that_runs_code_is_refused(tmp_path):
    path = tmp_path / "weights"
    path.write_bytes(pickle.dumps({"kernel": Evil()}))
    with pytest.raises(UserError, match="asks for .*open, which no array needs"):
        read_tensors(path)
    with pytest.raises(UserError, match="none: No such file"):
        read_tensors(tmp_path / "none")


def foreign(monkeypatch, name):
    """Returns a class of another program, of a module that is there only in this test."""
    module, _, own = name.rpartition(".")
    kind = type(own, (), {"__module__": module})
    parts = module.split(".")
    for count in range(1, len(parts) + 1):
        parent = ".".join(parts[:count])
        monkeypatch.setitem(sys.modules, parent, types.ModuleType(parent))
    monkeypatch.setattr(sys.modules[module], own, kind, raising=False)
    return kind


def test_a_module_is_its_attributes_and_what_configs_hold_is_left_out(torch, tmp_path, monkeypatch):
    net, inner = foreign(monkeypatch, "__torch__.net.Net")(), foreign(monkeypatch, "__torch__.C")()
    inner.weight = Stored("w", ARRAYS["kernel"], torch)
    net.training, net.conv = False, inner
    config = foreign(monkeypatch, "omegaconf.dictconfig.DictConfig")()
    config.parent = config  # a config knows what it lies in
    callback = foreign(monkeypatch, "pytorch_lightning.callbacks.Callback")
    file = tmp_path / "weights"
    with zipfile.ZipFile(file, "w") as archive:
        tree = {"net": net, "config": [config, int, list], "callbacks": {callback: {"best": 1}}}
        archive.writestr("archive/data.pkl", dumps(tree))
        archive.writestr("archive/data/w", ARRAYS["kernel"].tobytes())
    monkeypatch.undo()  # nothing of these programs is there when the file is read
    found = read_tensors(file)
    assert found["net"].keys() == {"training", "conv"}
    np.testing.assert_array_equal(found["net"]["conv"]["weight"], ARRAYS["kernel"])
    assert not vars(found["config"][0])


def test_small_files_that_would_fill_the_memory_are_refused(torch, tmp_path):
    doubled, endless = {"x": 1}, {}
    for _ in range(60):
        doubled = {"a": doubled, "b": doubled}
    endless["itself"] = endless
    for tree in (doubled, endless):
        with pytest.raises(UserError, match="too many, or hold each other"):
            read_tensors(written(tmp_path, pickle.dumps(tree)))
    array = b"\x80\x02cnumpy\nndarray\nJ" + (2**30).to_bytes(4, "little") + b"\x85R."
    assert not isinstance(read_tensors(written(tmp_path, array)), np.ndarray)
    with zipfile.ZipFile(tmp_path / "file", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data.pkl", pickle.dumps({}))
        archive.writestr("a/data/0", bytes(10**6))
    with pytest.raises(UserError, match="larger than the whole"):
        read_tensors(tmp_path / "file")


def test_a_tensor_that_repeats_one_number_a_billion_times_is_refused(torch, tmp_path):
    stored = StoredTensor(("0", np.dtype(np.float32)), 0, (2**30,), (0,))
    with pytest.raises(ValueError, match="larger than its storage"):
        _filled({"a": stored}, lambda _: bytes(4))


def written(tmp_path, data):
    path = tmp_path / "file"
    path.write_bytes(data)
    return path
