"""Reads arrays out of safetensors files and pickles, without running what they hold.

A pickle is a program. This reader knows the few names that files of arrays need and refuses every
other one. It reads both formats of PyTorch, the one before 2020 and the zip, without PyTorch.
"""

import pickle
import zipfile
from collections.abc import Callable
from itertools import chain, islice
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import ml_dtypes
import numpy as np
import safetensors

from glcic_jax.runtime.disk import read_file
from glcic_jax.runtime.errors import UserError, one_line
from glcic_jax.runtime.pickled_names import StoredTensor, what_stands_for

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
"""The number that begins a PyTorch file of the old format, as its first pickle."""

READABLE = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": ml_dtypes.bfloat16}
"""The types of numbers that are read from safetensors files, by their names there."""


MOST_ENTRIES, DEEPEST = 10**6, 100
"""Entries of a file's dictionaries, each counted as often as it is named; and their depth."""

MOST_REPEATED = 2**20
"""Numbers that a tensor may have beyond those of its storage, as expanded ones do."""


class _ForeignError(pickle.UnpicklingError):
    """Reports that a pickle asks for more than arrays need, and what to do."""


class _Unpickler(pickle.Unpickler):
    """Unpickles arrays and tensors, and refuses every name that nothing stands for."""

    def find_class(self, module: str, name: str) -> Any:
        found = what_stands_for(module, name)
        if found is None:
            raise _ForeignError(
                f"it asks for {module}.{name}, which no array needs: "
                "keep its state_dict alone, or write it as safetensors"
            )
        return found

    def persistent_load(self, pid: Any) -> tuple[str, np.dtype]:
        kind, dtype, key, *_ = pid
        if kind != "storage" or not isinstance(dtype, np.dtype):
            raise pickle.UnpicklingError("an unknown kind of storage")
        return str(key), dtype


def read_tensors(path: Path) -> Any:
    """Reads a PyTorch file or a pickle of numpy arrays.

    Returns:
      What the file holds, mostly nested dictionaries, with numpy arrays in place of tensors. The
      modules of a TorchScript archive are dictionaries of their attributes.

    Raises:
      UserError: the file cannot be read, is damaged, or holds more than arrays.
    """
    try:
        with path.open("rb") as file:
            if zipfile.is_zipfile(file):
                return _read_zip(file, path.stat().st_size)
            file.seek(0)
            if file.read(2) == b"PK":  # a zip archive, whose list of parts stands at its end
                raise ValueError("its end is missing")
            file.seek(0)
            found = _loaded(file)
            return _read_legacy(file) if found == LEGACY_MAGIC else found
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}") from error
    except _ForeignError as error:
        raise UserError(f"{path}: {one_line(error)}") from error
    except Exception as error:  # a damaged pickle may raise any error
        reason = one_line(error)
        raise UserError(
            f"{path}: not a file of weights, or damaged: {reason}: get it anew, if it is one"
        ) from error


def _loaded(file: Any) -> Any:
    """Reads a pickle.

    Raises:
      ValueError: its dictionaries hold each other, or would take forever to go through.
    """
    tree, seen = _Unpickler(file).load(), 0
    level = [tree]
    for _ in range(DEEPEST):
        values = (entry.values() for entry in level if isinstance(entry, dict))
        level = list(islice(chain.from_iterable(values), MOST_ENTRIES + 1))
        seen += len(level)
        if not level or seen > MOST_ENTRIES:
            break
    if level:
        raise ValueError("its dictionaries are too many, or hold each other")
    return tree


def _read_zip(file: BinaryIO, size: int) -> Any:
    """Reads PyTorch's zip of `size` bytes: a pickle of the tree, and a file for each storage."""
    with zipfile.ZipFile(file) as archive:
        if any(entry.file_size > size for entry in archive.infolist()):  # PyTorch packs none
            raise ValueError("a part of it is larger than the whole")
        found = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        if len(found) != 1:
            raise ValueError("it is a zip archive without PyTorch's data.pkl")
        (index,) = found
        with archive.open(index) as pickled:
            tree = _loaded(pickled)
        folder = index.removesuffix("data.pkl")
        return _filled(tree, lambda key: archive.read(f"{folder}data/{key}"))


def _read_legacy(file: BinaryIO) -> Any:
    """Reads PyTorch's old format, from behind its first pickle.

    It is a sequence of pickles (version, system, tree, names of storages), then the storages: each
    an 8-byte count and its numbers.
    """
    for _ in ("version", "system"):
        _Unpickler(file).load()
    tree = _loaded(file)
    sizes = {t.storage[0]: t.storage[1].itemsize for t in _tensors(tree)}
    storages: dict[str, Any] = dict.fromkeys(_Unpickler(file).load())
    content = memoryview(file.read())
    for key in storages:
        end = 8 + sizes[key] * int.from_bytes(content[:8], "little")
        storages[key], content = content[8:end], content[end:]
    return _filled(tree, storages.__getitem__)


def _tensors(tree: Any) -> list[StoredTensor]:
    """Lists all tensors in nested dictionaries."""
    if isinstance(tree, StoredTensor):
        return [tree]
    if not isinstance(tree, dict):
        return []
    return [tensor for value in tree.values() for tensor in _tensors(value)]


def _filled(tree: Any, read: Callable[[str], Any]) -> Any:
    """Returns the tree with an array in place of each tensor; `read(key)` gives a storage's bytes.

    Raises:
      ValueError: a tensor that does not fit its storage.
    """
    if isinstance(tree, dict):
        return {name: _filled(value, read) for name, value in tree.items()}
    if not isinstance(tree, StoredTensor):
        return tree
    key, dtype = tree.storage
    values = np.frombuffer(read(key), dtype)[tree.offset :]
    steps = zip(tree.shape, tree.strides, strict=True)
    if not prod(tree.shape):
        return np.empty(tree.shape, dtype)
    if min((*tree.strides, tree.offset), default=0) < 0:
        raise ValueError("a tensor runs backwards")
    repeated = prod(tree.shape) > len(values) + MOST_REPEATED
    if repeated or sum((n - 1) * step for n, step in steps) >= len(values):
        raise ValueError("a tensor is larger than its storage: the file is cut short")
    strides = [step * dtype.itemsize for step in tree.strides]
    return np.lib.stride_tricks.as_strided(values, tree.shape, strides).copy()


def read_safetensors(path: Path, data: bytes | None = None) -> dict[str, np.ndarray]:
    """Reads the arrays of a .safetensors file, by their names.

    Counters of batches, which PyTorch's batch norm keeps, are left out.

    Args:
      path: the file.
      data: its bytes, if they are read already.

    Raises:
      UserError: the file cannot be read, is not a safetensors file, is damaged, or holds arrays of
        other types than floats.
    """
    if data is None:
        data = read_file(path)
    try:
        views = safetensors.deserialize(data)
    except safetensors.SafetensorError as error:
        reason = one_line(error)
        raise UserError(
            f"{path}: not a safetensors file, or damaged: {reason}: get it anew, if it is one"
        ) from error
    arrays = {}
    for name, view in views:
        if name.endswith("num_batches_tracked"):  # PyTorch's counters
            continue
        if view["dtype"] not in READABLE:
            raise UserError(f"{path}: {name:.80} is {view['dtype']}: only floats can be read")
        flat = np.frombuffer(view["data"], READABLE[view["dtype"]])
        arrays[name] = flat.reshape(view["shape"])
    return arrays
