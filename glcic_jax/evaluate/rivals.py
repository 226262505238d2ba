"""Makes the methods of a comparison from their names on the command line."""

import re
import shlex
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jax.sharding import Mesh
from jaxtyping import Float, UInt8

from glcic_jax.complete.completer import LARGE
from glcic_jax.complete.load import completer_of
from glcic_jax.complete.network_flags import address_and_settings
from glcic_jax.complete.thick_holes import Hole, guides_for
from glcic_jax.evaluate.outside_program import command_fill
from glcic_jax.methods.procedural.fills import FILLS, in_bytes
from glcic_jax.methods.procedural.poisson import SMOOTH, blend, way_to_blend
from glcic_jax.runtime.devices import over_mesh
from glcic_jax.runtime.errors import UserError
from glcic_jax.texture.fill import fill as fill_with_texture
from glcic_jax.types import PixelImage
from glcic_jax.weights.address import locate, open_trained
from glcic_jax.weights.pretrained import NAME as PRETRAINED

FillBatch = Callable[
    [Float[np.ndarray, "b h w 3"], Float[np.ndarray, "b h w 1"]], Float[np.ndarray, "b h w 3"]
]
"""(image, mask) -> completed, float32 in [0, 1], mask 1 = hole; numpy."""

BLENDED = re.compile(r"(.+?)\+postprocess(?:=([^=/\s]*))?")
"""A method with "+postprocess" or "+postprocess=WAY" behind it."""

TEXTURE = "+texture"
"""What stands behind a method that guides copies of texture."""

PATCHMATCH = "patchmatch"
"""Name of these copies without a guide."""

COMMAND = "cmd:"

TRUTH = "truth"
"""Name of the pictures themselves beside those of the methods."""


class Rival(NamedTuple):
    """Holds a method of the comparison: one row of the table.

    Attributes:
      label: name of the row.
      complete: fills a batch of pictures of one size.
      compiled: whether the first call for each size of pictures compiles, and so must not be timed.
      about: the method's description in the manifest.
    """

    label: str
    complete: FillBatch
    compiled: bool
    about: dict[str, Any]


def rivals(specs: list[str], mesh: Mesh, timeout: float) -> list[Rival]:
    """Builds every method that was asked for.

    Args:
      specs: one text per method: a name of `FILLS`, or "patchmatch"; a run folder or converted
        weights as `load` takes them, with "@STEP" for a checkpoint that is not the latest, and then
        ":starts=4,large=scale" for settings of `load`; or "cmd:" with a command line.
        "+postprocess" behind it blends the result into its surroundings (GLCIC, section 3.5),
        "+postprocess=paper" as the paper does; "+texture", which goes last, copies texture by it;
        "label=" before it names its row.
      mesh: the devices that networks run on.
      timeout: seconds that a command may take for a picture.

    Raises:
      UserError: an unknown method or way to blend, a run folder without a checkpoint, or two rows
        of one name.
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
    untextured = spec.removesuffix(TEXTURE)
    plain, way = _way(untextured)
    suffix = spec[len(plain) :]
    named = re.fullmatch(r"((?!\+postprocess)[^=:/]+)=(.+)", plain)
    label, body = named.groups() if named else ("", plain)
    if body.startswith(COMMAND):
        template = body.removeprefix(COMMAND)
        complete, compiled = command_fill(template, timeout), False
        about: dict[str, Any] = {"command": template}
        if not label:
            label = Path(shlex.split(template)[0]).name + suffix
    elif body == PATCHMATCH:
        complete, compiled, about = _textured(None), True, {"texture": "alone"}
    elif body in FILLS:
        complete, compiled, about = FILLS[body], False, {"fill": body}
    else:
        complete, about = _network(body, mesh, blended=way is not None)
        compiled = True
    if way is not None:
        complete = _postprocessed(complete, way)
    if untextured != spec:
        complete, compiled = _textured(complete), True
        about |= {"texture": "guided"}
    return Rival(label or body + suffix, complete, compiled, about | {"postprocess": way})


def _way(spec: str) -> tuple[str, str | None]:
    """Splits "METHOD+postprocess=WAY" into the method and the way to blend; None = no blending."""
    found = BLENDED.fullmatch(spec)
    if found is None:
        return spec, None
    try:
        return found[1], way_to_blend(SMOOTH if found[2] is None else found[2])
    except UserError as error:
        raise UserError(f'--methods: "{spec}": {error}') from error


def _network(spec: str, mesh: Mesh, *, blended: bool) -> tuple[FillBatch, dict[str, Any]]:
    """Opens the network of a run or of converted weights; also describes it for the manifest.

    Args:
      spec: the address, with settings behind it.
      mesh: the devices.
      blended: whether the result is blended later on, so that a method which blends by itself
        must not.
    """
    address, settings = address_and_settings(spec)
    if not locate(address).path.exists():
        known = ", ".join((PRETRAINED, *FILLS, PATCHMATCH))
        raise UserError(
            f'--methods: "{spec}" is not a run folder and not a method: give a folder, {known}, or '
            '"cmd:TOOL {image} {mask} {output}"; "+postprocess" goes behind it, "+texture" last'
        )
    for name in ("postprocess", "texture"):
        if name in settings:
            raise UserError(f'--methods: "{spec}": {name} is written {address}+{name}')
    trained = open_trained(address)
    way = False if blended else None
    completer = completer_of(trained, postprocess=way, texture=False, **settings)
    spread = over_mesh(mesh, completer.complete)

    def complete(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
        fits = completer.takes(*mask.shape[1:3]) and mask[0].size <= LARGE
        if fits and not completer.blends:
            return spread(image, mask)
        # Large pictures are filled in parts, which bounds the memory, or in squares that the
        # network takes; where blending belongs to the method, it is done.
        pixels = np.rint(image * 255).astype(np.uint8)
        filled = completer.batch(list(pixels), list(mask[..., 0]))
        return np.stack(filled).astype(np.float32) / 255

    known = {"network": address, "step": trained.step, "sha256": trained.sha256}
    return complete, known | settings


def _postprocessed(complete: FillBatch, way: str) -> FillBatch:
    def run(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
        pictures = (np.rint(p * 255).astype(np.uint8) for p in (image, complete(image, mask)))
        blended = [blend(a, b, m[..., 0], way=way) for a, b, m in zip(*pictures, mask, strict=True)]
        return np.stack(blended).astype(np.float32) / 255

    return run


def _stacked(
    complete: FillBatch, images: Sequence[PixelImage], holes: Sequence[Hole]
) -> UInt8[np.ndarray, "b h w 3"]:
    return in_bytes(complete, np.stack(images), np.stack(holes))


def _textured(guide: FillBatch | None) -> FillBatch:
    """Copies texture, guided by a method's completions or by none."""

    def run(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
        pixels = list(np.rint(image * 255).astype(np.uint8))
        guides = [None] * len(pixels)
        if guide is not None:
            guides = guides_for(pixels, list(mask[..., 0] > 0), partial(_stacked, guide))
        arguments = zip(pixels, mask[..., 0], guides, strict=True)
        return np.stack([fill_with_texture(*each) for each in arguments]).astype(np.float32) / 255

    return run
