"""Reads and writes the exchange format: model.safetensors, and config.json that describes it."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

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

Shapes = dict[str, tuple[int, ...]]
"""The shapes of tensors by their names."""


def is_file_name(path: Path) -> bool:
    """Returns whether a path is that of a file of tensors, not of a folder of some such name."""
    return path.suffix == SUFFIX and not path.is_dir()


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
    file = path if is_file_name(path) else path / WEIGHTS
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
    if not file.exists():
        raise UserError(f"{file}: no such file, but the {CONFIG} beside it describes it: get both")
    data = read_file(file)
    if hashlib.sha256(data).hexdigest() != config["sha256"]:
        raise UserError(f"{file}: not the file that {CONFIG} describes, or damaged: get it anew")
    tensors, discriminator = {}, {}
    for name, tensor in read_safetensors(file, data).items():
        if kind == GLCIC and name.startswith(DISCRIMINATOR):
            discriminator[name.removeprefix(DISCRIMINATOR)] = tensor.astype(np.float32, copy=False)
        else:
            tensors[name] = tensor.astype(np.float32, copy=False)
    found = KINDS[kind]()
    _check_shapes(tensors, found.shapes(config, file), config, file)

    # The network.
    return found.weights(
        tensors=tensors,
        mean_pixel=tuple(config["input"]["mean_pixel"]),
        step=config["step"],
        source=config["source"],
        run=config["run"],
        scores=config["scores"],
        discriminator=discriminator,
        sha256=config["sha256"],
        **found.own(config),
    )


def _find_description(path: Path) -> tuple[Path, dict[str, Any]]:
    """Returns the file of tensors, and the description of it that is in config.json."""
    folder = path.parent if is_file_name(path) else path
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


def _check_shapes(tensors: Tensors, shapes: Shapes, config: dict[str, Any], file: Path) -> None:
    """Refuses tensors that are not those of the network that `config` describes."""
    network = config["network"]
    for name in sorted(shapes.keys() | tensors.keys()):
        found = tensors[name].shape if name in tensors else "absent"
        if found != shapes.get(name, "absent"):
            size = f" of width {network['width']}" if "width" in network else ""
            raise UserError(
                f"{file}: {name} is {found}, a {network['kind']}{size} has "
                f"{shapes.get(name, 'none')}"
            )


# The kinds of networks ---------------------------------------------------------------------------


class Kind(NamedTuple):
    """Holds how networks of one kind are made of what a file and its description hold.

    Attributes:
      weights: their class.
      shapes: returns names and shapes of the tensors, by a description and the file it is of.
      own: returns what the class takes besides that of Weights, by a description.
    """

    weights: type[Weights]
    shapes: Callable[[dict[str, Any], Path], Shapes]
    own: Callable[[dict[str, Any]], dict[str, Any]] = lambda config: {}


def _glcic() -> Kind:
    def shapes(config: dict[str, Any], file: Path) -> Shapes:
        network = config["network"]
        dilated = network.get("dilated_layers") or DILATED
        return completion_shapes(network["width"], network["norm"], dilated)

    def own(config: dict[str, Any]) -> dict[str, Any]:
        network, seen = config["network"], config["input"]
        return {
            "relu_first": network["relu_first"],
            "output": network["output"],
            "scale": seen["scale"],
            "fill_pixel": tuple(seen["fill_pixel"]),
        }

    return Kind(CompletionWeights, shapes, own)


# The others import Flax and Optax, without which GLCIC's network can be completed with.


def _partial() -> Kind:
    from glcic_jax.weights.partial_conv import PAPER, PartialWeights, unet_shapes

    def shapes(config: dict[str, Any], file: Path) -> Shapes:
        network = config["network"]
        return unet_shapes(network["width"], network["levels"], network.get("form") or PAPER)

    return Kind(PartialWeights, shapes)


def _lama() -> Kind:
    from glcic_jax.weights.lama import LamaWeights, generator_shapes

    def shapes(config: dict[str, Any], file: Path) -> Shapes:
        return generator_shapes(config["network"]["width"], config["network"]["blocks"])

    return Kind(LamaWeights, shapes)


def _method() -> Kind:
    from glcic_jax.weights.any_method import MethodWeights

    return Kind(MethodWeights, _shapes_of_run)


KINDS: dict[str, Callable[[], Kind]] = {
    GLCIC: _glcic,
    PARTIAL: _partial,
    LAMA: _lama,
    METHOD: _method,
}
"""Makers of how each kind of network is read, by its name in a description."""


def _shapes_of_run(config: dict[str, Any], file: Path) -> Shapes:
    """Returns the shapes of a method's tensors; refuses a run's config that builds no method."""
    from glcic_jax.weights.any_method import build_from_config, method_shapes  # as above

    mean_pixel = tuple(config["input"]["mean_pixel"])
    try:
        return method_shapes(build_from_config(config["run"], mean_pixel, {}, str(file)))
    except (AttributeError, KeyError, TypeError, ValueError) as error:  # anybody may have edited it
        raise UserError(
            f"{file.parent / CONFIG}: no network can be built from its run: {one_line(error)}"
        ) from error
