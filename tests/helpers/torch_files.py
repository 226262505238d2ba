"""PyTorch's files, written without PyTorch in both of its formats."""

import io
import pickle
import struct
import sys
import types
import zipfile

import numpy as np

from glcic_jax.runtime.tensor_files import LEGACY_MAGIC

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
    """Stands for a storage's numbers, by the name under which a file holds them."""

    def __init__(self, key, array, kind):
        self.pid = ("storage", kind, key, "cuda:0", array.size)


class Pickler(pickle.Pickler):
    def persistent_id(self, obj):
        return obj.pid if isinstance(obj, Storage) else None


def stand_in(monkeypatch):
    """Returns what stands in for PyTorch: it has no more than the names that a pickle asks for."""
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
    """Returns a file in the format before 2020, of tensors by name."""
    tree = {name: Stored(name, array, torch) for name, array in arrays.items()}
    parts = [dumps(part) for part in (LEGACY_MAGIC, 1001, {}, tree, list(arrays))]
    parts += [struct.pack("<q", array.size) + array.tobytes() for array in arrays.values()]
    return b"".join(parts)


def zipped(torch, arrays):
    """Returns a file in the zip format, of parameters by name."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        tree = {name: Parameter(name, array, torch) for name, array in arrays.items()}
        archive.writestr("archive/data.pkl", dumps(tree))
        for name, array in arrays.items():
            archive.writestr(f"archive/data/{name}", array.tobytes())
    return file.getvalue()
