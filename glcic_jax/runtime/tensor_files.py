"""Reads arrays out of safetensors files and pickles, without running what they hold.

A pickle is a program. This reader knows the few names that files of arrays need and refuses every
other one. PyTorch is not needed; both of its formats, the one of before 2020 and the zip, are read.
"""

import pickle
import zipfile
from collections import OrderedDict
from math import prod
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import ml_dtypes
import numpy as np
import safetensors

from glcic_jax.runtime.errors import UserError

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
"""The first pickle of a PyTorch file of the old format."""

STORAGES = {
    "FloatStorage": np.dtype(np.float32),
    "DoubleStorage": np.dtype(np.float64),
    "HalfStorage": np.dtype(np.float16),
    "BFloat16Storage": np.dtype(ml_dtypes.bfloat16),
    "LongStorage": np.dtype(np.int64),
    "IntStorage": np.dtype(np.int32),
    "ByteStorage": np.dtype(np.uint8),
    "BoolStorage": np.dtype(np.bool_),
}


READABLE = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": ml_dtypes.bfloat16}
"""Types of numbers in safetensors files."""


class _Tensor(NamedTuple):
    """A view of a storage, which may come later in the file."""

    storage: tuple[str, np.dtype]
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _tensor(storage: Any, offset: int, shape: Any, strides: Any, *_: Any) -> _Tensor:
    return _Tensor(storage, offset, tuple(shape), tuple(strides))


def _array(kind: type, shape: Any, code: Any) -> np.ndarray:
    """What numpy starts an array from: empty, whatever size a damaged file asks for."""
    del kind, shape, code
    return np.empty(0)


KNOWN: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("numpy.core.multiarray", "_reconstruct"): _array,
    ("numpy._core.multiarray", "_reconstruct"): _array,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
} | {("torch", name): dtype for name, dtype in STORAGES.items()}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in KNOWN:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no array needs")
        return KNOWN[module, name]

    def persistent_load(self, pid: Any) -> tuple[str, np.dtype]:
        kind, dtype, key, *_ = pid
        if kind != "storage" or not isinstance(dtype, np.dtype):
            raise pickle.UnpicklingError("an unknown kind of storage")
        return str(key), dtype


def read_tensors(path: Path) -> Any:
    """What the file holds, dictionaries for the most part, with numpy arrays for tensors.

    Raises:
      UserError: it cannot be read, is damaged, or holds more than arrays.
    """
    try:
        with path.open("rb") as file:
            if zipfile.is_zipfile(file):
                return _read_zip(file)
            file.seek(0)
            found = _Unpickler(file).load()
            return _read_legacy(file) if found == LEGACY_MAGIC else found
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}") from error
    except Exception as error:  # a damaged pickle raises whatever its bytes happen to say
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(f"{path}: no file of weights that can be read: {reason}") from error


def _read_zip(file: BinaryIO) -> Any:
    with zipfile.ZipFile(file) as archive:
        (index,) = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        with archive.open(index) as pickled:
            tree = _Unpickler(pickled).load()
        folder = index.removesuffix("data.pkl")
        return _filled(tree, lambda key: archive.read(f"{folder}data/{key}"))


def _read_legacy(file: BinaryIO) -> Any:
    for _ in ("version", "system"):
        _Unpickler(file).load()
    tree = _Unpickler(file).load()
    sizes = {t.storage[0]: t.storage[1].itemsize for t in _tensors(tree)}
    storages: dict[str, Any] = dict.fromkeys(_Unpickler(file).load())
    content = memoryview(file.read())
    for key in storages:
        end = 8 + sizes[key] * int.from_bytes(content[:8], "little")
        storages[key], content = content[8:end], content[end:]
    return _filled(tree, storages.__getitem__)


def _tensors(tree: Any) -> list[_Tensor]:
    if isinstance(tree, _Tensor):
        return [tree]
    return [t for v in tree.values() for t in _tensors(v)] if isinstance(tree, dict) else []


def _filled(tree: Any, read: Any) -> Any:
    if isinstance(tree, dict):
        return {name: _filled(value, read) for name, value in tree.items()}
    if not isinstance(tree, _Tensor):
        return tree
    key, dtype = tree.storage
    values = np.frombuffer(read(key), dtype)[tree.offset :]
    steps = zip(tree.shape, tree.strides, strict=True)
    if not prod(tree.shape):
        return np.empty(tree.shape, dtype)
    if min((*tree.strides, tree.offset), default=0) < 0:
        raise ValueError("a tensor runs backwards")
    if sum((n - 1) * step for n, step in steps) >= len(values):
        raise ValueError("a tensor is larger than its storage: the file is cut short")
    strides = [step * dtype.itemsize for step in tree.strides]
    return np.lib.stride_tricks.as_strided(values, tree.shape, strides).copy()


def read_safetensors(path: Path, data: bytes | None = None) -> dict[str, np.ndarray]:
    """The arrays of any .safetensors file by name.

    Args:
      path: the file.
      data: its bytes, if they are read already.

    Raises:
      UserError: it cannot be read, is no such file or damaged, or holds other than floats.
    """
    try:
        views = safetensors.deserialize(path.read_bytes() if data is None else data)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}") from error
    except safetensors.SafetensorError as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{path}: not a safetensors file, or damaged: {reason}") from error
    arrays = {}
    for name, view in views:
        if name.endswith("num_batches_tracked"):  # PyTorch's counters
            continue
        if view["dtype"] not in READABLE:
            raise UserError(f"{path}: {name:.80} is {view['dtype']}: only floats can be read")
        flat = np.frombuffer(view["data"], READABLE[view["dtype"]])
        arrays[name] = flat.reshape(view["shape"])
    return arrays
