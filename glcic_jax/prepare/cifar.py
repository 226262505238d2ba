"""CIFAR-10's batches. They are pickles, which can run code: read here without running any."""

import pickle
from functools import lru_cache
from io import BytesIO
from typing import Any

import cv2
import numpy as np
from jaxtyping import UInt8

from glcic_jax.pictures.storage import join_names, read_bytes
from glcic_jax.runtime.errors import UserError


@lru_cache(maxsize=6)  # all there are: 180 MiB
def load(root: str, name: str) -> UInt8[np.ndarray, "n 32 32 3"]:
    """The pictures of one batch, RGB.

    Raises:
      UserError: missing, or not what a batch of CIFAR-10 is; nothing of the file has been run.
    """
    data = read_bytes(root, name)
    try:
        batch = _Unpickler(BytesIO(data), encoding="bytes").load()
        planes = np.frombuffer(batch[b"data"].content, np.uint8).reshape(-1, 3, 32, 32)
    except Exception as error:  # a damaged pickle raises whatever its bytes happen to ask for
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(f"{join_names(root, name)}: no batch of CIFAR-10: {reason}") from error
    return planes.transpose(0, 2, 3, 1)


def png(root: str, name: str, index: int) -> bytes:
    """Picture `index` of a batch as a PNG file.

    Raises:
      UserError: as `load`.
    """
    bgr = np.ascontiguousarray(load(root, name)[index, ..., ::-1])
    return cv2.imencode(".png", bgr)[1].tobytes()


class _Array:
    """Stands in for a numpy array: keeps its bytes, and interprets nothing."""

    content = b""

    def __setstate__(self, state: tuple) -> None:
        self.content = state[4]  # version, shape, dtype, order, bytes


class _Type:
    """Stands in for a numpy dtype; CIFAR-10 knows one only."""

    def __init__(self, name: str | bytes, *_: object) -> None:
        if name not in ("u1", b"u1", "uint8"):
            raise ValueError(f"numbers of type {name!r} in place of u1")

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
    """Knows plain values, containers and the stand-ins: a file cannot have anything else called."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _STAND_INS:
            raise ValueError(f"it asks for {module}.{name}, which no batch needs")
        return _STAND_INS[module, name]
