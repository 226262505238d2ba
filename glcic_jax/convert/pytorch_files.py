"""Reads and writes PyTorch's .pth files. Needs PyTorch (requirements-torch.txt)."""

import io
from pathlib import Path
from typing import Any

import numpy as np

from glcic_jax.runtime.disk import read_file, write_file
from glcic_jax.runtime.errors import UserError, one_line
from glcic_jax.weights.trained import Tensors, cast_tensors

WRAPPERS = ("state_dict", "model", "model_state_dict")
"""Keys of a checkpoint that may hold the tensors."""


def read_state_dict(path: Path) -> Tensors:
    """Reads the tensors of a .pth file as float32. No code of the file is run (`weights_only`).

    Returns:
      Arrays by PyTorch's names.

    Raises:
      UserError: PyTorch is not installed, or the file cannot be read or holds more than tensors.
    """
    torch = _torch(path)
    data = read_file(path)
    try:
        content = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:  # zipfile, pickle and PyTorch raise many kinds
        raise UserError(
            f"{path}: damaged, or holds more than tensors, which PyTorch does not read safely "
            f"({one_line(error):.80}): keep its state_dict alone, or write it as safetensors"
        ) from error
    for name in WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(name), dict):
            content = content[name]
    tensors = content if isinstance(content, dict) else {}
    arrays = {
        str(name): tensor.detach().float().numpy()
        for name, tensor in tensors.items()
        if isinstance(tensor, torch.Tensor)
    }
    if not arrays:
        raise UserError(f"{path}: expected tensors by name, found {type(content).__name__}")
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
        raise UserError(
            f"{path}: PyTorch's files need PyTorch: pip install -r requirements-torch.txt, or use "
            "safetensors"
        ) from error
    return torch
