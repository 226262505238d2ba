"""Reads PyTorch's .pth files without PyTorch, and writes them with it (requirements-torch.txt)."""

import io
from pathlib import Path
from typing import Any

import numpy as np

from glcic_jax.runtime.disk import write_file
from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.extras import missing_extra
from glcic_jax.runtime.tensor_files import read_tensors
from glcic_jax.weights.trained import Tensors, cast_tensors, flatten

WRAPPERS = ("state_dict", "model", "model_state_dict")
"""Keys of a checkpoint that may hold the tensors."""


def read_state_dict(path: Path) -> Tensors:
    """Reads the tensors of a .pth file as float32, without PyTorch. No code of the file is run.

    Of Lightning's checkpoints it reads the state dict, of TorchScript's archives the tensors of the
    modules, by the names that a state dict has for them.

    Returns:
      Arrays by PyTorch's names.

    Raises:
      UserError: the file cannot be read, is damaged, or holds more than tensors.
    """
    content = read_tensors(path)
    for name in WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(name), dict):
            content = content[name]
    tensors = content if isinstance(content, dict) else {}
    if not any(isinstance(tensor, np.ndarray) for tensor in tensors.values()):
        tensors = flatten(tensors)  # the modules of a TorchScript archive
    arrays = {
        str(name): tensor.astype(np.float32)
        for name, tensor in tensors.items()
        if isinstance(tensor, np.ndarray)
    }
    if not arrays:
        raise UserError(
            f"{path}: no tensors by name are in it: write a network's state_dict to the file"
        )
    return arrays


def write_state_dict(tensors: Tensors, path: Path, dtype: str) -> None:
    """Writes a .pth file for `load_state_dict`.

    Args:
      tensors: arrays by PyTorch's names; whole numbers stay whole.
      path: the file.
      dtype: the dtype in which tensors are stored, a key of DTYPES.

    Raises:
      UserError: PyTorch is not installed, a value is too large for float16, or the file cannot be
        written.
    """
    torch = _torch(path)
    floats = {name: tensor for name, tensor in tensors.items() if tensor.dtype.kind == "f"}
    state = {name: torch.from_numpy(tensor) for name, tensor in tensors.items()}
    state |= {
        name: torch.from_numpy(tensor.astype(np.float32)).to(getattr(torch, dtype))
        for name, tensor in cast_tensors(floats, dtype).items()
    }
    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_file(path, buffer.getvalue())


def _torch(path: Path) -> Any:
    try:
        import torch  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        need = f"{path}: writing PyTorch's files takes PyTorch, safetensors do not"
        raise missing_extra(need, "torch") from error
    return torch
