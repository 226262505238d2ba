"""Reads Torch7's binary .t7 files: tensors, tables and objects as data. No code in them is run.

The format is Torch7's own (torch/torch7, File.lua and generic/Tensor.c). It is little-endian. Each
value follows a 32-bit number of its type. Tables and objects are numbered, and a number that came
before stands for the same one. Whatever the bytes are, reading takes time and memory in proportion
to the file: sizes are compared with what is left of it before anything is made.
"""

import math
import mmap
import struct
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from glcic_jax.runtime.errors import UserError

NIL, NUMBER, STRING, TABLE, OBJECT, BOOLEAN, OLD_FUNCTION = range(7)
FUNCTIONS = (7, 8)

STORED = {
    "Float": "<f4", "Double": "<f8", "Half": "<f2", "Byte": "u1", "Char": "i1", "Short": "<i2",
    "Int": "<i4", "Long": "<i8", "Cuda": "<f4", "CudaDouble": "<f8", "CudaHalf": "<f2",
}  # fmt: skip
"""numpy's dtype of torch.XStorage and torch.XTensor, by X."""

DEEPEST = 50
"""Largest depth of tables within tables; a network has about ten."""

MOST_OBJECTS = 100_000
"""Largest number of values in a file, without the elements of tensors; a network has thousands."""

MOST_DIMENSIONS = 8
"""Largest number of dimensions of a tensor."""


class Torch7Object(NamedTuple):
    """Holds an object of a Torch class, such as nn.ReLU, and its fields."""

    kind: str
    fields: dict


class _DamagedError(Exception):
    """Reports that the bytes do not follow the format."""


def read_torch7(path: Path) -> Any:
    """Reads the one value that a .t7 file holds.

    Returns:
      Lua's value as Python's: a dict with keys as in the file (numbers are floats), str (Latin-1),
      float, bool or None. Tensors are read-only numpy arrays, other objects are Torch7Objects, and
      functions are None.

    Raises:
      UserError: the file cannot be read, is of another format, or is damaged.
    """
    try:
        with path.open("rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:  # an empty file is a ValueError
        raise UserError(f"{path}: cannot read it: {error}") from error
    reader = _Reader(data)
    try:
        value = reader.value(0)
    except _DamagedError as error:
        raise _not_torch7(path, str(error)) from error
    if reader.position != len(data):
        raise _not_torch7(path, f"{len(data) - reader.position} bytes too many")
    return value


def _not_torch7(path: Path, reason: str) -> UserError:
    return UserError(
        f"{path}: not a binary Torch7 file, or damaged: {reason}: get it anew, if it is one"
    )


class _Reader:
    def __init__(self, data: mmap.mmap) -> None:
        self.data, self.position = data, 0
        self.known: dict[int, Any] = {}
        self.count = 0

    def take(self, size: int) -> int:
        """Moves past the next `size` bytes and returns where they begin; checks that they exist."""
        start = self.position
        if not 0 <= size <= len(self.data) - start:
            raise _DamagedError(
                f"{size:,} bytes are wanted at byte {start:,} of {len(self.data):,}"
            )
        self.position += size
        return start

    def scalar(self, layout: str) -> Any:
        start = self.take(struct.calcsize(layout))
        return struct.unpack_from(layout, self.data, start)[0]

    def string(self) -> str:
        size = self.scalar("<i")
        start = self.take(size)
        return self.data[start : start + size].decode("latin-1")

    def value(self, depth: int) -> Any:
        self.count += 1
        if depth > DEEPEST or self.count > MOST_OBJECTS:
            raise _DamagedError("deeper or larger than any network")
        kind = self.scalar("<i")
        if kind in (TABLE, OBJECT, *FUNCTIONS):
            return self.numbered(kind, depth)
        if kind == OLD_FUNCTION:
            return self.function(depth)
        plain = {
            NIL: lambda: None,
            NUMBER: lambda: self.scalar("<d"),
            STRING: self.string,
            BOOLEAN: lambda: self.scalar("<i") == 1,
        }
        if kind not in plain:
            raise _DamagedError(f"{kind} is not a type, at byte {self.position - 4:,}")
        return plain[kind]()

    def numbered(self, kind: int, depth: int) -> Any:
        index = self.scalar("<i")
        if index in self.known:
            return self.known[index]
        if kind == TABLE:
            return self.table(index, depth)
        if kind == OBJECT:
            return self.object(index, depth)
        self.known[index] = None
        return self.function(depth)

    def function(self, depth: int) -> None:
        self.string()  # bytecode, which is ignored
        self.value(depth + 1)  # the variables that the function had captured

    def table(self, index: int, depth: int) -> dict:
        table = self.known[index] = {}
        for _ in range(self.scalar("<i")):
            key = self.value(depth + 1)
            if not isinstance(key, str | float | bool):
                raise _DamagedError(f"a key of a table is {type(key).__name__}")
            table[key] = self.value(depth + 1)
        return table

    def object(self, index: int, depth: int) -> Any:
        kind = self.string()
        if kind.startswith("V "):  # files from before 2013 have no version
            kind = self.string()
        stem = kind.removeprefix("torch.")
        if stem.removesuffix("Storage") in STORED:
            value = self.storage(STORED[stem.removesuffix("Storage")])
        elif stem.removesuffix("Tensor") in STORED:
            value = self.tensor(STORED[stem.removesuffix("Tensor")], depth)
        else:
            value = self.known[index] = Torch7Object(kind, {})
            fields = self.value(depth + 1)
            if not isinstance(fields, dict):
                raise _DamagedError(f"the fields of {kind!r:.50} are not a table")
            value.fields.update(fields)
        self.known[index] = value
        return value

    def storage(self, dtype: str) -> np.ndarray:
        count = self.scalar("<q")
        start = self.take(count * np.dtype(dtype).itemsize)
        return np.frombuffer(self.data, dtype, count, start)

    def tensor(self, dtype: str, depth: int) -> np.ndarray:
        dimensions = self.scalar("<i")
        if not 0 <= dimensions <= MOST_DIMENSIONS:
            raise _DamagedError(f"a tensor of {dimensions} dimensions")
        shape = [self.scalar("<q") for _ in range(dimensions)]
        strides = [self.scalar("<q") for _ in range(dimensions)]
        offset = self.scalar("<q") - 1  # Lua counts from one
        storage = self.value(depth + 1)
        if storage is None or dimensions == 0 or 0 in shape:
            return np.zeros(0, dtype)
        if not isinstance(storage, np.ndarray) or storage.dtype != dtype or storage.ndim != 1:
            raise _DamagedError("a tensor without its storage")
        sound = all(size >= 0 and stride >= 0 for size, stride in zip(shape, strides, strict=True))
        last = offset + sum((n - 1) * stride for n, stride in zip(shape, strides, strict=True))
        # Not more elements than the storage: one stored number must not stand for millions.
        if not (sound and offset >= 0 and last < len(storage) and math.prod(shape) <= len(storage)):
            raise _DamagedError(f"a tensor of {shape} in a storage of {len(storage)}")
        steps = [stride * storage.itemsize for stride in strides]
        return np.lib.stride_tricks.as_strided(storage[offset:], shape, steps, writeable=False)
