"""The methods of a comparison, from their names on the command line."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jax.sharding import Mesh
from jaxtyping import Float

from glcic_jax.complete.completer import LARGE
from glcic_jax.complete.load import completer_of
from glcic_jax.evaluate.outside_program import command_fill
from glcic_jax.methods.procedural.fills import FILLS
from glcic_jax.methods.procedural.poisson import blend
from glcic_jax.runtime.devices import over_mesh
from glcic_jax.runtime.errors import UserError
from glcic_jax.weights.address import locate, open_trained

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
    address, settings = _parts(spec)
    if not locate(address).path.exists():
        known = ", ".join(FILLS)
        raise UserError(
            f'--methods: "{spec}" is not a run folder and not a method: give a folder, {known}, or '
            '"cmd:TOOL {image} {mask} {output}"'
        )
    trained = open_trained(address)
    completer = completer_of(trained, **settings)
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

    known = {"network": address, "step": trained.step, "sha256": trained.sha256}
    return complete, known | settings


def _parts(spec: str) -> tuple[str, dict[str, int]]:
    """Splits "ADDRESS:starts=4" into address and settings; a folder may be called anything."""
    if Path(spec).exists() or not (found := re.fullmatch(r"(.+):(\w+=\d+(?:,\w+=\d+)*)", spec)):
        return spec, {}
    settings = {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", found[2])}
    return found[1], settings


def _postprocessed(complete: Fill) -> Fill:
    def run(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
        pictures = (np.rint(p * 255).astype(np.uint8) for p in (image, complete(image, mask)))
        blended = [blend(a, b, m[..., 0]) for a, b, m in zip(*pictures, mask, strict=True)]
        return np.stack(blended).astype(np.float32) / 255

    return run
