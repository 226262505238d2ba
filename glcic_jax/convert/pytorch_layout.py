"""Converts tensors between PyTorch's names and layout and ours.

Kernels there are [out, in, h, w], and [in, out, h, w] in deconvolutions. Ours are [h, w, in, out]
and [h, w, out, in], which is the same transposition.
"""

from collections.abc import Iterable

import numpy as np

from glcic_jax.runtime.errors import UserError
from glcic_jax.weights.trained import Tensors

NORM_PARTS = {"scale": "weight", "bias": "bias", "mean": "running_mean", "var": "running_var"}
"""PyTorch's names of the tensors of batch norm, by ours."""


def from_torch(
    state: Tensors,
    names: dict[str, str],
    shapes: dict[str, tuple[int, ...]],
    network: str,
    source: str,
) -> Tensors:
    """Returns our tensors, float32, after checking that theirs are the network's.

    Args:
      state: arrays by their names.
      names: our names by theirs.
      shapes: shapes of our tensors by name; tensors that `names` lacks become 0.
      network: a description of the expected network, for messages.
      source: the file, for messages.

    Raises:
      UserError: a tensor is absent, superfluous, of another shape, or not finite.
    """
    tensors = {own: np.zeros(shape, np.float32) for own, shape in shapes.items()}
    for name, own in names.items():
        wanted = transposed(np.broadcast_to(0, shapes[own])).shape
        if name not in state or state[name].shape != wanted:
            found = shape_text(state[name].shape) if name in state else "absent"
            raise UserError(f"{source}: {name} is {found}, {network} has {shape_text(wanted)}")
        tensor = state[name].astype(np.float32)
        if not np.isfinite(tensor).all():
            raise UserError(f"{source}: {name} holds values that are not finite: a damaged network")
        tensors[own] = np.ascontiguousarray(
            tensor.transpose(2, 3, 1, 0) if tensor.ndim == 4 else tensor
        )
    for name in state:
        if name not in names and not name.endswith("num_batches_tracked"):
            raise UserError(f"{source}: {name:.80} is too many: {network} has none")
    return tensors


def to_torch(tensors: Tensors, names: dict[str, str]) -> Tensors:
    """Converts the other way; `names` are our names by theirs."""
    return {name: np.ascontiguousarray(transposed(tensors[own])) for name, own in names.items()}


def transposed(tensor: np.ndarray) -> np.ndarray:
    """Returns a tensor of our layout in theirs."""
    return tensor.transpose(3, 2, 0, 1) if tensor.ndim == 4 else tensor


def shape_text(shape: Iterable[int]) -> str:
    """Returns a shape as text for people, such as 64x4x5x5."""
    return "x".join(map(str, shape)) or "a number"
