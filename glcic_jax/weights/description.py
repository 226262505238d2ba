"""Reads and makes config.json of the exchange format, which describes a network."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from glcic_jax.methods.glcic.table2 import DILATED, MOST_DILATED, OUTPUTS
from glcic_jax.runtime.disk import read_file
from glcic_jax.runtime.errors import UserError, one_line
from glcic_jax.weights.trained import GLCIC, LAMA, METHOD, PARTIAL, Weights

CONFIG = "config.json"
FORMAT, VERSION = "glcic_jax weights", 1
WIDEST, DEEPEST = 4096, 1000
"""The largest width and number of blocks that are read: a limit on memory."""


def describe(weights: Weights, name: str, sha256: str, dtype: str) -> dict[str, Any]:
    """Returns the description of a network.

    Args:
      weights: the network.
      name: the name of the file of its tensors.
      sha256: the digest of that file.
      dtype: the dtype in which the tensors are stored.
    """
    return {
        "format": FORMAT,
        "version": VERSION,
        "weights": name,
        "sha256": sha256,
        "dtype": dtype,
        "network": weights.architecture,
        "input": {"mean_pixel": list(weights.mean_pixel)} | weights.own_input,
        "step": weights.step,
        "source": weights.source,
        "run": weights.run,
        "scores": weights.scores,
    }


def read_description(path: Path) -> dict[str, Any]:
    """Reads a config.json and checks every field.

    Raises:
      UserError: it cannot be read, is not a description of weights, is of another version, or a
        field is missing or wrong.
    """
    try:
        config = json.loads(read_file(path))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: not JSON: {one_line(error)}") from error
    if not isinstance(config, dict) or config.get("format") != FORMAT:
        raise UserError(f'{path}: no description of weights, which has "format": "{FORMAT}"')
    if config.get("version") != VERSION:
        raise UserError(
            f"{path}: version {config.get('version')!r:.20} of the format, this program reads "
            f"{VERSION}: upgrade glcic_jax"
        )
    _check(config, FIELDS, path)
    _check(config, NETWORK_FIELDS[config["network"]["kind"]](), path)
    return config


def _check(config: dict[str, Any], fields: "Fields", path: Path) -> None:
    for name, (is_valid, wanted) in fields.items():
        value = config
        for part in name.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if not is_valid(value):
            raise UserError(f"{path}: {name} is {value!r:.60}, expected {wanted}")


def is_described(folder: Path) -> bool:
    """Returns whether a folder has a config.json of this format. Run folders have another one."""
    try:
        return json.loads((folder / CONFIG).read_bytes()).get("format") == FORMAT
    except (OSError, ValueError, AttributeError, RecursionError):
        return False


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_rgb(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 3 and all(map(_is_number, value))


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


Check = tuple[Callable[[Any], bool], str]
"""A test of a value, and the words for what is expected."""

Fields = dict[str, Check]


def _glcic_fields() -> Fields:
    return {
        "network.width": (
            lambda v: _is_count(v) and v % 2 == 0 and 0 < v <= WIDEST,
            f"an even number to {WIDEST}",
        ),
        "network.norm": (_is_bool, "true or false"),
        "network.relu_first": (_is_bool, "true or false"),
        "network.output": (lambda v: v in tuple(OUTPUTS), " or ".join(OUTPUTS)),
        "network.dilated_layers": (  # which earlier versions did not write
            lambda v: v is None or (_is_count(v) and DILATED <= v <= MOST_DILATED),
            f"{DILATED} to {MOST_DILATED}",
        ),
        "input.scale": (lambda v: _is_number(v) and v > 0, "a number above 0"),
        "input.fill_pixel": (_is_rgb, "three numbers"),
    }


def _partial_fields() -> Fields:
    from glcic_jax.methods.partial_conv.forms import FORMS  # here, since it imports Flax
    from glcic_jax.methods.partial_conv.network import KERNELS

    return {
        "network.width": (
            lambda v: _is_count(v) and 0 < v <= WIDEST,
            f"a whole number to {WIDEST}",
        ),
        "network.levels": (
            lambda v: _is_count(v) and 2 <= v <= len(KERNELS),
            f"2 to {len(KERNELS)}",
        ),
        "network.form": (lambda v: v is None or v in tuple(FORMS), " or ".join(FORMS)),
    }


def _lama_fields() -> Fields:
    return {
        "network.width": (
            lambda v: _is_count(v) and 1 < v <= WIDEST,
            f"a whole number from 2 to {WIDEST}",
        ),
        "network.blocks": (
            lambda v: _is_count(v) and 0 < v <= DEEPEST,
            f"a whole number to {DEEPEST}",
        ),
    }


def _method_fields() -> Fields:
    from glcic_jax.methods.by_name import METHODS  # here, since it imports Flax and Optax

    known: Check = (lambda v: _is_text(v) and v in METHODS, " or ".join(METHODS))
    return {"network.method": known, "run.method": known}


NETWORK_FIELDS: dict[str, Callable[[], Fields]] = {
    GLCIC: _glcic_fields,
    PARTIAL: _partial_fields,
    LAMA: _lama_fields,
    METHOD: _method_fields,
}
"""Makers of the fields of each kind of network, besides FIELDS."""

FIELDS: Fields = {
    "weights": (
        lambda v: _is_text(v) and v == Path(v).name and v.endswith(".safetensors"),
        "the name of a .safetensors file beside it",
    ),
    "sha256": (_is_text, "64 digits"),
    "network.kind": (
        lambda v: _is_text(v) and v in NETWORK_FIELDS,
        " or ".join(f'"{kind}"' for kind in NETWORK_FIELDS),
    ),
    "input.mean_pixel": (_is_rgb, "three numbers"),
    "step": (_is_count, "a whole number"),
    "source": (_is_text, "a text"),
    "run": (lambda v: v is None or isinstance(v, dict), "the config of a run, or null"),
    "scores": (
        lambda v: isinstance(v, dict) and all(map(_is_number, v.values())),
        "numbers by name",
    ),
}
"""Fields of every description."""
