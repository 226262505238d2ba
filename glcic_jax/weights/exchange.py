"""Reads and writes the exchange format: model.safetensors, and config.json that describes it."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from glcic_jax.methods.glcic.table2 import DILATED
from glcic_jax.runtime.disk import read_file, write_file
from glcic_jax.runtime.errors import UserError, one_line
from glcic_jax.runtime.tensor_files import read_safetensors
from glcic_jax.weights.description import CONFIG, describe, is_described, read_description
from glcic_jax.weights.glcic import CompletionWeights, completion_shapes
from glcic_jax.weights.trained import GLCIC, LAMA, METHOD, PARTIAL, Tensors, Weights, cast_tensors

WEIGHTS = "model.safetensors"
SUFFIX = ".safetensors"
DISCRIMINATOR = "discriminator."
"""Prefix of the names of a discriminator's tensors, if one was stored with GLCIC's network."""


def write_exchange(weights: Weights, path: Path, dtype: str = "float32") -> Path:
    """Writes a network: a file of tensors, and config.json beside it.

    Args:
      weights: the network.
      path: the folder, made if need be; or the name of the .safetensors file.
      dtype: the dtype in which tensors are stored, a key of DTYPES.

    Returns:
      The path of the file of tensors.

    Raises:
      UserError: the folder holds another config.json, or cannot be written; or a value is too large
        for float16.
    """
    file = path if path.suffix == SUFFIX else path / WEIGHTS
    config = file.parent / CONFIG
    if config.exists() and not (
        is_described(file.parent) and read_description(config)["weights"] == file.name
    ):
        raise UserError(f"{config} belongs to something else: choose another folder")
    tensors = cast_tensors(weights.tensors, dtype)
    for name, tensor in cast_tensors(weights.discriminator, dtype).items():
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

    Returns:
      The network; its tensors are float32 whatever they are stored in.

    Raises:
      UserError: a file is missing, damaged or of a newer version, or holds another network than its
        description.
    """
    file, config = _find_description(path)
    kind = config["network"]["kind"]

    # The tensors, checked by digest and by shape.
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

    # The network.
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
    # The other kinds import Flax and Optax, which GLCIC's network can be completed with without.
    if kind == PARTIAL:
        from glcic_jax.weights.partial_conv import PartialWeights

        return PartialWeights(**common)
    if kind == LAMA:
        from glcic_jax.weights.lama import LamaWeights

        return LamaWeights(**common)
    if kind == METHOD:
        from glcic_jax.weights.any_method import MethodWeights

        return MethodWeights(**common)
    return CompletionWeights(
        relu_first=config["network"]["relu_first"],
        output=config["network"]["output"],
        scale=config["input"]["scale"],
        fill_pixel=tuple(config["input"]["fill_pixel"]),
        **common,
    )


def _find_description(path: Path) -> tuple[Path, dict[str, Any]]:
    """Returns the file of tensors, and the description of it that is in config.json."""
    folder = path.parent if path.suffix == SUFFIX else path
    missing = UserError(f"{path}: no such file")
    if path != folder:
        if not path.exists() and not (folder / CONFIG).exists():
            raise missing
        if path.exists() and not is_described(folder):
            raise UserError(
                f"{path}: no {CONFIG} beside it describes it: see python -m glcic_jax.convert"
            )
    config = read_description(folder / CONFIG)
    file = folder / config["weights"]
    if path not in (folder, file):
        if not path.exists():
            raise missing
        raise UserError(
            f"{path}: the {CONFIG} beside it describes {file.name:.80}: move one of them"
        )
    return file, config


def _check_shapes(tensors: Tensors, config: dict[str, Any], file: Path) -> None:
    """Refuses tensors that are not those of the network that `config` describes."""
    network = config["network"]
    if network["kind"] == PARTIAL:
        from glcic_jax.weights.partial_conv import PAPER, unet_shapes  # only where it is needed

        shapes = unet_shapes(network["width"], network["levels"], network.get("form") or PAPER)
    elif network["kind"] == LAMA:
        from glcic_jax.weights.lama import generator_shapes

        shapes = generator_shapes(network["width"], network["blocks"])
    elif network["kind"] == METHOD:
        shapes = _shapes_of_run(config, file)
    else:
        dilated = network.get("dilated_layers") or DILATED
        shapes = completion_shapes(network["width"], network["norm"], dilated)
    for name in sorted(shapes.keys() | tensors.keys()):
        found = tensors[name].shape if name in tensors else "absent"
        if found != shapes.get(name, "absent"):
            size = f" of width {network['width']}" if "width" in network else ""
            raise UserError(
                f"{file}: {name} is {found}, a {network['kind']}{size} has "
                f"{shapes.get(name, 'none')}"
            )


def _shapes_of_run(config: dict[str, Any], file: Path) -> dict[str, tuple[int, ...]]:
    """Returns the shapes of a method's tensors; refuses a run's config that builds no method."""
    from glcic_jax.weights.any_method import build_from_config, method_shapes  # as above

    mean_pixel = tuple(config["input"]["mean_pixel"])
    try:
        return method_shapes(build_from_config(config["run"], mean_pixel, {}, str(file)))
    except (AttributeError, KeyError, TypeError, ValueError) as error:  # anybody may have edited it
        raise UserError(
            f"{file.parent / CONFIG}: no network can be built from its run: {one_line(error)}"
        ) from error
