"""Lists what stands for the names that pickles of arrays ask for. Nothing else is ever imported."""

from collections import OrderedDict
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

STORAGES = {
    "FloatStorage": np.dtype(np.float32),
    "DoubleStorage": np.dtype(np.float64),
    "HalfStorage": np.dtype(np.float16),
    "BFloat16Storage": np.dtype(ml_dtypes.bfloat16),
    "LongStorage": np.dtype(np.int64),
    "IntStorage": np.dtype(np.int32),
    "ShortStorage": np.dtype(np.int16),
    "CharStorage": np.dtype(np.int8),
    "ByteStorage": np.dtype(np.uint8),
    "BoolStorage": np.dtype(np.bool_),
}
"""PyTorch's names of storages, and the types of their numbers."""


class StoredTensor(NamedTuple):
    """Describes a tensor as a view of a storage, which may come later in the file."""

    storage: tuple[str, np.dtype]
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _tensor(storage: Any, offset: int, shape: Any, strides: Any, *_: Any) -> StoredTensor:
    return StoredTensor(storage, offset, tuple(shape), tuple(strides))


def _parameter(tensor: StoredTensor, *_: Any) -> StoredTensor:
    return tensor


def _array(kind: type, shape: Any, code: Any) -> np.ndarray:
    """Starts a pickled numpy array: an empty one, whatever size a damaged file asks for."""
    del kind, shape, code
    return np.empty(0)


class ScriptModule(dict):
    """Stands for a module of a TorchScript archive: the dictionary of its attributes."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.update(state)


class Idle:
    """Stands for an object of another program: it takes all that it is given, and keeps nothing."""

    def __init__(self, *_: Any) -> None:
        pass

    def __setstate__(self, _: Any) -> None:
        pass

    def __setitem__(self, _: Any, __: Any) -> None:
        pass

    def append(self, _: Any) -> None:
        """Leaves out an item of what was a list."""

    extend = append


KNOWN: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("numpy", "ndarray"): Idle,  # a mere name: `_array` starts them
    ("numpy", "dtype"): np.dtype,
    ("numpy.core.multiarray", "_reconstruct"): _array,
    ("numpy._core.multiarray", "_reconstruct"): _array,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("torch", "Size"): tuple,
} | {("torch", name): dtype for name, dtype in STORAGES.items()}
"""The only names that a pickle may ask for, besides those below, and what it gets for them."""

SCRIPT = "__torch__"
"""The package of all names in a TorchScript archive; for them a pickle gets ScriptModule."""

IDLE = ("lightning", "omegaconf", "pytorch_lightning", "typing")
"""Packages of what Lightning's checkpoints hold beside tensors. For their names a pickle gets Idle;
the packages are not imported."""

IDLE_NAMES = {
    "__builtin__": ("dict", "float", "int", "list", "long", "set", "str", "tuple"),
    "builtins": ("dict", "float", "int", "list", "set", "str", "tuple"),
    "collections": ("defaultdict",),
    "numpy.core.multiarray": ("scalar",),
    "numpy._core.multiarray": ("scalar",),
}
"""Names of other modules that get the same: types that configs mention, and single numbers."""


def what_stands_for(module: str, name: str) -> Any:
    """Returns what a pickle gets for a name; None if it may not ask for it."""
    package = module.partition(".")[0]
    if package == SCRIPT:
        return ScriptModule
    if package in IDLE or name in IDLE_NAMES.get(module, ()):
        return Idle
    return KNOWN.get((module, name))
