"""The methods of a comparison, from their names on the command line."""

import hashlib
import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jax.sharding import Mesh
from jaxtyping import Float

from glcic_jax.complete.completer import LARGE
from glcic_jax.complete.load import load
from glcic_jax.evaluate.outside_program import command_fill
from glcic_jax.methods.procedural.fills import FILLS
from glcic_jax.methods.procedural.poisson import blend
from glcic_jax.runtime.devices import over_mesh
from glcic_jax.runtime.errors import UserError
from glcic_jax.weights.checkpoint import read_about
from glcic_jax.weights.description import CONFIG, read_description
from glcic_jax.weights.exchange import is_exchange
from glcic_jax.weights.hub import locate

Fill = Callable[
    [Float[np.ndarray, "b h w 3"], Float[np.ndarray, "b h w 1"]], Float[np.ndarray, "b h w 3"]
]
"""(image, mask) -> completed, float32 in [0, 1], mask 1 = hole; numpy."""

POSTPROCESS = "+postprocess"
COMMAND = "cmd:"

TRUTH = "truth"
"""Stands beside the methods where features and pictures are kept."""


class Rival(NamedTuple):
    """One row of the table.

    Attributes:
      label: names the row.
      complete: fills a batch of pictures of one size.
      compiled: once per size of pictures, so a first call says nothing about its speed.
      about: what the manifest tells of it.
    """

    label: str
    complete: Fill
    compiled: bool
    about: dict[str, Any]


def rivals(specs: list[str], mesh: Mesh, timeout: float) -> list[Rival]:
    """Builds every method that was asked for.

    Args:
      specs: each a name of `FILLS`, a run folder ("@STEP" behind it: not its latest checkpoint;
        ":starts=4,latent_steps=300" behind that: settings of `load`) or converted weights as `load`
        takes them, or "cmd:" with a command line; "+postprocess" behind it blends the result in
        (GLCIC, section 3.5), "label=" before it names its row.
      mesh: the devices that networks run on.
      timeout: seconds for a picture, of commands.

    Raises:
      UserError: an unknown method, a run folder without a checkpoint, or two rows of one name.
    """
    built = [_rival(spec, mesh, timeout) for spec in specs]
    labels = [rival.label for rival in built]
    if TRUTH in labels:
        raise UserError(f'--methods: "{TRUTH}" names the pictures themselves: choose another NAME')
    for label in labels:
        if labels.count(label) > 1:
            raise UserError(f'--methods: two are called "{label}": write NAME={label} for one')
    return built


def _rival(spec: str, mesh: Mesh, timeout: float) -> Rival:
    named = re.fullmatch(r"([^=:/]+)=(.+)", spec)
    label, rest = named.groups() if named else ("", spec)
    body = rest.removesuffix(POSTPROCESS)
    blended = body != rest
    if body.startswith(COMMAND):
        template = body.removeprefix(COMMAND)
        complete, compiled = command_fill(template, timeout), False
        about: dict[str, Any] = {"command": template}
        label = label or Path(shlex.split(template)[0]).name + POSTPROCESS * blended
    elif body in FILLS:
        complete, compiled, about = FILLS[body], False, {"fill": body}
    else:
        (complete, about), compiled = _network(body, mesh), True
    complete = _postprocessed(complete) if blended else complete
    return Rival(label or rest, complete, compiled, about | {"postprocess": blended})


def _network(spec: str, mesh: Mesh) -> tuple[Fill, dict[str, Any]]:
    """The network of a run folder or of converted weights, and what the manifest tells of it."""
    name, step, settings = _parts(spec)
    path = locate(name)
    if not path.exists():
        known = ", ".join(FILLS)
        raise UserError(
            f'--methods: "{spec}" is no run folder and no method: give a folder, {known}, or '
            '"cmd:TOOL {image} {mask} {output}"'
        )
    completer = load(path, step, **settings)
    spread = over_mesh(mesh, completer.complete)

    def complete(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
        fits = completer.takes(*mask.shape[1:3]) and mask[0].size <= LARGE
        if fits and not completer.blends:
            return spread(image, mask)
        # Large pictures go in parts, which bounds the memory; or in squares that the network takes;
        # where blending belongs to the method, it is done.
        pixels = np.rint(image * 255).astype(np.uint8)
        filled = completer.batch(list(pixels), list(mask[..., 0]))
        return np.stack(filled).astype(np.float32) / 255

    return complete, {"network": name} | settings | _digest(path, step)


def _parts(spec: str) -> tuple[str, int | None, dict[str, int]]:
    """Folder, step and settings of "FOLDER@STEP:starts=4"; a folder may be called anything."""
    if Path(spec).exists():
        return spec, None, {}
    name, settings = spec, {}
    if told := re.fullmatch(r"(.+):(\w+=\d+(?:,\w+=\d+)*)", name):
        name = told[1]
        settings = {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", told[2])}
    if not Path(name).exists() and (at := re.fullmatch(r"(.+)@(\d+)", name)):
        return at[1], int(at[2]), settings
    return name, None, settings


def _digest(path: Path, step: int | None) -> dict[str, Any]:
    """What is told of a run's checkpoint, or of converted weights, by their SHA-256."""
    if is_exchange(path):
        folder = path if path.is_dir() else path.parent
        described = read_description(folder / CONFIG)
        return {"step": described["step"], "sha256": described["sha256"]}
    step, about = read_about(path, step)
    digests = {name: item["digest"] for name, item in about["items"].items()}
    text = json.dumps(digests, sort_keys=True).encode()
    return {"step": step, "sha256": hashlib.sha256(text).hexdigest()}


def _postprocessed(complete: Fill) -> Fill:
    def run(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
        pictures = (np.rint(p * 255).astype(np.uint8) for p in (image, complete(image, mask)))
        blended = [blend(a, b, m[..., 0]) for a, b, m in zip(*pictures, mask, strict=True)]
        return np.stack(blended).astype(np.float32) / 255

    return run
