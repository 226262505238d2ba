"""Our exchange format: model.safetensors and, beside it, config.json that says how to run it."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from glcic_jax.runtime.disk import read_file, write_file
from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.tensor_files import read_safetensors
from glcic_jax.weights import any_method, glcic, partial_conv
from glcic_jax.weights.any_method import MethodWeights
from glcic_jax.weights.description import (
    CONFIG,
    GLCIC,
    METHOD,
    PARTIAL,
    describe,
    is_described,
    read_description,
)
from glcic_jax.weights.glcic import CompletionWeights
from glcic_jax.weights.partial_conv import PartialWeights
from glcic_jax.weights.trained import Tensors, Weights, stored

WEIGHTS = "model.safetensors"
SUFFIX = ".safetensors"
DISCRIMINATOR = "discriminator."
"""Begins the names of the tensors of a discriminator that came along with GLCIC's network."""

WEIGHTS_OF_METHOD: dict[str, type[Weights]] = {
    "glcic": CompletionWeights,
    "partial_conv": PartialWeights,
}
"""What is made of the runs of a method; of all others, MethodWeights."""


def write_exchange(weights: Weights, path: Path, dtype: str = "float32") -> Path:
    """Writes a network.

    Args:
      weights: folded or not.
      path: the folder, made if need be; or a .safetensors file, config.json is written beside it.
      dtype: of the stored tensors, a key of DTYPES.

    Returns:
      The file of tensors.

    Raises:
      UserError: the folder holds another config.json, or cannot be written; or float16 is too
        small.
    """
    file = path if path.suffix == SUFFIX else path / WEIGHTS
    config = file.parent / CONFIG
    if config.exists() and not (
        is_described(file.parent) and read_description(config)["weights"] == file.name
    ):
        raise UserError(f"{config} is there and belongs to something else: choose another folder")
    tensors = stored(weights.tensors, dtype)
    for name, tensor in stored(weights.discriminator, dtype).items():
        tensors[DISCRIMINATOR + name] = tensor
    data = save({name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()})
    described = describe(weights, file.name, hashlib.sha256(data).hexdigest(), dtype)
    write_file(file, data)
    write_file(config, json.dumps(described, indent=2) + "\n")
    return file


def read_exchange(path: Path) -> Weights:
    """Reads what `write_exchange` wrote.

    Args:
      path: the folder, or the .safetensors file in it.

    Raises:
      UserError: a file is missing, damaged, of a newer version, or of another network.
    """
    folder = path.parent if path.suffix == SUFFIX else path
    if path != folder and path.exists() and not is_described(folder):
        raise UserError(
            f"{path}: no {CONFIG} beside it says how to run it: see python -m glcic_jax.convert"
        )
    config = read_description(folder / CONFIG)
    file, kind = folder / config["weights"], config["network"]["kind"]
    if path not in (folder, file):
        raise UserError(f"{path}: the {CONFIG} beside it is of {file.name:.80}: move one away")
    data = read_file(file)
    if hashlib.sha256(data).hexdigest() != config["sha256"]:
        raise UserError(f"{file}: not the file that {CONFIG} describes, or damaged: get it anew")
    tensors, discriminator = {}, {}
    for name, tensor in read_safetensors(file, data).items():
        if kind == GLCIC and name.startswith(DISCRIMINATOR):
            discriminator[name.removeprefix(DISCRIMINATOR)] = tensor.astype(np.float32)
        else:
            tensors[name] = tensor.astype(np.float32)
    _check_shapes(tensors, config, file)
    common: dict[str, Any] = {
        "tensors": tensors,
        "mean_pixel": tuple(config["input"]["mean_pixel"]),
        "step": config["step"],
        "source": config["source"],
        "run": config["run"],
        "scores": config["scores"],
        "discriminator": discriminator,
        "sha256": config["sha256"],
    }
    if kind == PARTIAL:
        return PartialWeights(**common)
    if kind == METHOD:
        return MethodWeights(**common)
    return CompletionWeights(
        relu_first=config["network"]["relu_first"],
        output=config["network"]["output"],
        scale=config["input"]["scale"],
        fill_pixel=tuple(config["input"]["fill_pixel"]),
        **common,
    )


def _check_shapes(tensors: Tensors, config: dict[str, Any], file: Path) -> None:
    """Refuses tensors that are not those of the network described."""
    network = config["network"]
    if network["kind"] == PARTIAL:
        shapes = partial_conv.expected(network["width"], network["levels"])
    elif network["kind"] == METHOD:
        mean_pixel = tuple(config["input"]["mean_pixel"])
        shapes = any_method.expected(any_method.build(config["run"], mean_pixel))
    else:
        shapes = glcic.expected(network["width"], network["norm"])
    for name in sorted(shapes.keys() | tensors.keys()):
        found = tensors[name].shape if name in tensors else "absent"
        if found != shapes.get(name, "absent"):
            size = f" of width {network['width']}" if "width" in network else ""
            raise UserError(
                f"{file}: {name} is {found}, a {network['kind']}{size} has "
                f"{shapes.get(name, 'none')}"
            )
