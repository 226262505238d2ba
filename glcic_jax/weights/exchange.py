"""Our exchange format: model.safetensors and, beside it, config.json that says how to run it."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from glcic_jax.runtime.files import read_file, write_file
from glcic_jax.runtime.tensor_files import read_safetensors
from glcic_jax.types import UserError
from glcic_jax.weights import partial_conv as partial_network
from glcic_jax.weights.description import CONFIG, PARTIAL, describe, is_described, read_description
from glcic_jax.weights.glcic import CompletionWeights, Tensors, Weights, expected, stored
from glcic_jax.weights.partial_conv import PartialWeights

WEIGHTS = "model.safetensors"
SUFFIX = ".safetensors"
DISCRIMINATOR = "discriminator."
"""Begins the names of the tensors of a discriminator."""


def is_exchange(path: Path) -> bool:
    """Whether `read_exchange` is meant: a .safetensors file, or a folder with our config.json."""
    return path.suffix == SUFFIX or is_described(path)


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
    file = folder / config["weights"]
    if path not in (folder, file):
        raise UserError(f"{path}: the {CONFIG} beside it is of {file.name:.80}: move one away")
    data = read_file(file)
    if hashlib.sha256(data).hexdigest() != config["sha256"]:
        raise UserError(f"{file}: not the file that {CONFIG} describes, or damaged: get it anew")
    own, other = {}, {}
    for name, tensor in read_safetensors(file, data).items():
        rest = name.removeprefix(DISCRIMINATOR)
        (own if rest == name else other)[rest] = tensor.astype(np.float32)
    _check_shapes(own, config["network"], file)
    common: dict[str, Any] = {
        "tensors": own,
        "mean_pixel": tuple(config["input"]["mean_pixel"]),
        "step": config["step"],
        "source": config["source"],
        "run": config["run"],
        "scores": config["scores"],
        "discriminator": other,
    }
    if config["network"]["kind"] == PARTIAL:
        return PartialWeights(**common)
    return CompletionWeights(
        relu_first=config["network"]["relu_first"],
        output=config["network"]["output"],
        scale=config["input"]["scale"],
        fill_pixel=tuple(config["input"]["fill_pixel"]),
        **common,
    )


def _check_shapes(tensors: Tensors, network: dict[str, Any], file: Path) -> None:
    """Refuses tensors that are not those of the network described."""
    width = network["width"]
    if network["kind"] == PARTIAL:
        shapes = partial_network.expected(width, network["levels"])
    else:
        shapes = expected(width, network["norm"])
    for name in sorted(shapes.keys() | tensors.keys()):
        found = tensors[name].shape if name in tensors else "absent"
        if found != shapes.get(name, "absent"):
            raise UserError(
                f"{file}: {name} is {found}, a {network['kind']} of width {width} has "
                f"{shapes.get(name, 'none')}"
            )
