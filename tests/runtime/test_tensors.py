"""Weights files, made here by hand: what is read, and what is refused."""

import io
import pickle
import random
import struct
import sys
import types
import zipfile

import numpy as np
import pytest

from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.tensor_files import LEGACY_MAGIC, read_tensors

rng = np.random.default_rng(0)
ARRAYS = {
    "kernel": rng.random((2, 3, 4, 5), np.float32),
    "count": np.array(7, np.int64),
    "empty": np.zeros((0, 3), np.float32),
}
STORAGES = {np.dtype(np.float32): "FloatStorage", np.dtype(np.int64): "LongStorage"}


class Stored:
    """Pickles as a tensor of PyTorch: a view of a storage that lies elsewhere in the file."""

    def __init__(self, key, array, torch):
        self.key, self.array, self.torch = key, array, torch

    def __reduce__(self):
        strides = tuple(step // self.array.itemsize for step in self.array.strides)
        storage = Storage(self.key, self.array, getattr(self.torch, STORAGES[self.array.dtype]))
        arguments = (storage, 0, self.array.shape, strides, False, {})
        return sys.modules["torch._utils"]._rebuild_tensor_v2, arguments


class Storage:
    def __init__(self, key, array, kind):
        self.pid = ("storage", kind, key, "cuda:0", array.size)


class Pickler(pickle.Pickler):
    def persistent_id(self, obj):
        return obj.pid if isinstance(obj, Storage) else None


@pytest.fixture
def torch(monkeypatch):
    """Stands in for PyTorch: has no more than the names that a pickle asks for."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    for name in STORAGES.values():
        setattr(torch, name, type(name, (), {"__module__": "torch"}))
    for name in ("_rebuild_tensor_v2", "_rebuild_parameter"):
        exec(f"def {name}(): pass", utils.__dict__)
        getattr(utils, name).__module__ = "torch._utils"
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)
    return torch


def dumps(obj):
    file = io.BytesIO()
    Pickler(file, protocol=2).dump(obj)
    return file.getvalue()


class Parameter:
    """Pickles as a parameter, which PyTorch wraps around its tensor."""

    def __init__(self, *stored):
        self.tensor = Stored(*stored)

    def __reduce__(self):
        return sys.modules["torch._utils"]._rebuild_parameter, (self.tensor, True, {})


def legacy(torch, arrays):
    tree = {name: Stored(name, array, torch) for name, array in arrays.items()}
    parts = [dumps(part) for part in (LEGACY_MAGIC, 1001, {}, tree, list(arrays))]
    parts += [struct.pack("<q", array.size) + array.tobytes() for array in arrays.values()]
    return b"".join(parts)


def zipped(torch, arrays):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        tree = {name: Parameter(name, array, torch) for name, array in arrays.items()}
        archive.writestr("archive/data.pkl", dumps(tree))
        for name, array in arrays.items():
            archive.writestr(f"archive/data/{name}", array.tobytes())
    return file.getvalue()


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
