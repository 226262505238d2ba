"""Reads CIFAR-10's batches. They are pickles, which can run code; none of it is run here."""

import pickle
from functools import lru_cache
from io import BytesIO
from typing import Any

import cv2
import numpy as np
from jaxtyping import UInt8

from glcic_jax.pictures.storage import join_names, read_bytes
from glcic_jax.runtime.errors import UserError, one_line


@lru_cache(maxsize=6)  # all six batches: 180 MiB
def load(root: str, name: str) -> UInt8[np.ndarray, "n 32 32 3"]:
    """Reads the pictures of one batch, RGB.

    Args:
      root: of the data set.
      name: of the batch, relative to the root.

    Raises:
      UserError: the file is missing, or not a batch of CIFAR-10. No code of the file has been run.
    """
    data = read_bytes(root, name)
    try:
        batch = _Unpickler(BytesIO(data), encoding="bytes").load()
        planes = np.frombuffer(batch[b"data"].content, np.uint8).reshape(-1, 3, 32, 32)
    except Exception as error:  # a damaged pickle raises whatever its bytes happen to ask for
        raise UserError(
            f"{join_names(root, name)}: not a batch of CIFAR-10: {one_line(error)}"
        ) from error
    return planes.transpose(0, 2, 3, 1)


def png(root: str, name: str, index: int) -> bytes:
    """Returns picture `index` of a batch as the bytes of a PNG file.

    Raises:
      UserError: as in `load`.
    """
    bgr = np.ascontiguousarray(load(root, name)[index, ..., ::-1])
    return cv2.imencode(".png", bgr)[1].tobytes()


class _Array:
    """Stands for a numpy array: keeps its bytes, and interprets nothing."""

    content = b""

    def __setstate__(self, state: tuple) -> None:
        self.content = state[4]  # version, shape, dtype, order, bytes


class _Type:
    """Stands for a numpy dtype; CIFAR-10 has only one."""

    def __init__(self, name: str | bytes, *_: object) -> None:
        if name not in ("u1", b"u1", "uint8"):
            raise ValueError(f"numbers of type {name!r} instead of u1")

    def __setstate__(self, state: tuple) -> None:
        pass


_STAND_INS: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): lambda *_: _Array(),
    ("numpy._core.multiarray", "_reconstruct"): lambda *_: _Array(),
    ("numpy", "ndarray"): None,  # only handed to _reconstruct
    ("numpy", "dtype"): _Type,
    ("_codecs", "encode"): lambda text, _: text.encode("latin1"),  # bytes, as Python 3 writes them
}


class _Unpickler(pickle.Unpickler):
    """Reads plain values, containers and the stand-ins. A file can make it call nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _STAND_INS:
            raise ValueError(f"it asks for {module}.{name}, which a batch does not need")
        return _STAND_INS[module, name]
