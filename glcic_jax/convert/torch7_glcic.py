"""Reads the completion networks that GLCIC's authors published as Torch7's .t7 files."""

from pathlib import Path
from typing import Any

import numpy as np

from glcic_jax.convert.pytorch_glcic import from_state_dict
from glcic_jax.convert.torch7 import Torch7Object, read_torch7
from glcic_jax.runtime.errors import UserError
from glcic_jax.weights.glcic import DECONVOLUTIONS, EPSILON, CompletionWeights
from glcic_jax.weights.trained import Tensors

CONVOLUTIONS = ("nn.SpatialConvolution", "nn.SpatialDilatedConvolution")
OTHERS = ("nn.SpatialBatchNormalization", "nn.ReLU")
"""The classes that follow each convolution; the last one is followed by a sigmoid."""

COUNT = 50
"""The number of modules of the network."""

DEFAULTS = {"dW": 1.0, "dH": 1.0, "padW": 0.0, "padH": 0.0, "dilationW": 1.0, "dilationH": 1.0}
"""Stride, padding and dilation of a Torch7 convolution whose fields lack them."""


def from_torch7(path: Path) -> CompletionWeights:
    """Reads the completion network of a .t7 file.

    The file holds a table of `model`, an nn.Sequential, and `mean`, RGB in [0, 1].

    Raises:
      UserError: the file is missing or damaged, or holds another network.
    """
    content = read_torch7(path)
    table = content if isinstance(content, dict) else {"model": content}
    model, mean = table.get("model"), table.get("mean")
    if not isinstance(model, Torch7Object) or model.kind != "nn.Sequential":
        raise UserError(
            f"{path}: expected a table with an nn.Sequential as model, found {_kind(model)}"
        )
    values = [mean.get(float(n)) for n in (1, 2, 3)] if isinstance(mean, dict) else mean
    try:
        red, green, blue = np.asarray(values, np.float64).reshape(3).tolist()
    except (TypeError, ValueError):
        red = green = blue = np.nan
    if not all(0 <= value <= 1 for value in (red, green, blue)):
        raise UserError(f"{path}: expected a mean of three numbers in 0 to 1, found {_kind(mean)}")
    return from_state_dict(_state(model, path), (red, green, blue), str(path))


def _state(model: Torch7Object, path: Path) -> Tensors:
    """Returns the tensors by the names of PyTorch's nn.Sequential, after checking the layers.

    A kernel does not show its stride and dilation, so these are checked too.
    """
    modules = model.fields.get("modules")
    if not isinstance(modules, dict) or len(modules) != COUNT:
        found = len(modules) if isinstance(modules, dict) else 0
        raise UserError(f"{path}: expected {COUNT} layers, found {found}")
    state = {}
    for index in range(COUNT):
        module = modules.get(float(index + 1))
        fields = module.fields if isinstance(module, Torch7Object) else {}
        kinds, geometry = _layer_at(index)
        found = {name: fields.get(name, DEFAULTS[name]) for name in geometry}
        if _kind(module) not in kinds or found != geometry:
            raise UserError(
                f"{path}: layer {index + 1} is {_kind(module):.60} {_geometry_text(found)}, a "
                f"GLCIC completion network has {kinds[-1]} {_geometry_text(geometry)} there"
            )
        for name in ("weight", "bias", "running_mean", "running_var"):
            if isinstance(fields.get(name), np.ndarray):
                state[f"{index}.{name}"] = fields[name]
        epsilon = fields.get("eps", EPSILON)
        if f"{index}.running_var" in state and isinstance(epsilon, float):
            state[f"{index}.running_var"] = fields["running_var"] + np.float64(epsilon - EPSILON)
    return state


def _layer_at(index: int) -> tuple[tuple[str, ...], dict[str, float]]:
    """Returns the possible classes of layer 0 to 49, and its geometry if it is a convolution."""
    number, place = index // 3 + 1, index % 3
    if index == COUNT - 1:
        return ("nn.Sigmoid",), {}
    if place:
        return (OTHERS[place - 1],), {}
    dilation = {7: 2.0, 8: 4.0, 9: 8.0, 10: 16.0}.get(number, 1.0)
    stride = 2.0 if number in (2, 4, *DECONVOLUTIONS) else 1.0
    pad = 2.0 if number == 1 else dilation
    values = (stride, stride, pad, pad, dilation, dilation)
    kinds = ("nn.SpatialFullConvolution",) if number in DECONVOLUTIONS else CONVOLUTIONS
    return kinds, dict(zip(DEFAULTS, values, strict=True))


def _kind(value: Any) -> str:
    return value.kind if isinstance(value, Torch7Object) else type(value).__name__


def _geometry_text(geometry: dict[str, float]) -> str:
    return ", ".join(f"{name} {value}" for name, value in geometry.items())
