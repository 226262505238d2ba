"""The kinds of holes by name, one of them or a mixture made ready to draw. Needs no JAX."""

from __future__ import annotations

import inspect
import logging
import math
from bisect import bisect
from collections.abc import Mapping
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from glcic_jax.masks.shapes import block_pixels, box, boxes, center, keep_patch, noise, outpaint
from glcic_jax.masks.strokes import freeform, irregular, lines
from glcic_jax.pictures.decode import decode_mask
from glcic_jax.pictures.storage import pictures_below
from glcic_jax.runtime.errors import UserError

if TYPE_CHECKING:
    from glcic_jax.types import Hole, PixelMask

log = logging.getLogger(__name__)

TRIALS = 8
"""Holes drawn to see that a choice of arguments works."""


class MaskFiles:
    """Masks of a folder, found once. A bad one is replaced by the next good one, always the same.

    Bad are files that cannot be read, and masks that are empty or full at the size asked for. Each
    is named in the log once. White (grey value from 128 on) is hole, as everywhere.
    """

    def __init__(self, *, folder: str, flip: bool) -> None:
        """Takes a folder, searched recursively, and whether to mirror half of the masks each way.

        Raises:
          UserError: no such folder, or no masks in it.
        """
        self.folder, self.flip = folder, flip
        self.names = pictures_below(Path(folder), f"folder {folder}", "masks")
        self._bad: set[str] = set()

    def __call__(self, rng: np.random.Generator, height: int, width: int) -> PixelMask:
        """One of the masks, resized by nearest neighbour, its sides apart.

        Raises:
          UserError: none of the masks can be used.
        """
        first = int(rng.integers(len(self.names)))
        mirror = rng.random(2) < 0.5 if self.flip else (False, False)
        for offset in range(len(self.names)):
            name = self.names[(first + offset) % len(self.names)]
            if name in self._bad:
                continue
            try:
                mask = self._read(name, height, width)
            except UserError as error:
                self._bad.add(name)
                log.warning("skipped: %s", error)
                continue
            mask = mask[:: -1 if mirror[0] else 1, :: -1 if mirror[1] else 1]
            return np.ascontiguousarray(mask)[..., None]
        raise UserError(f"folder {self.folder}: none of {len(self.names)} masks can be used")

    def _read(self, name: str, height: int, width: int) -> np.ndarray:
        path = Path(self.folder) / name
        mask = cv2.resize(decode_mask(path), (width, height), interpolation=cv2.INTER_NEAREST)
        if mask.all() or not mask.any():
            state = "full" if mask.any() else "empty"
            raise UserError(f"{path}: the mask is {state} at {width}x{height} pixels")
        return mask


HOLES = {
    "box": box,
    "boxes": boxes,
    "center": center,
    "outpaint": outpaint,
    "noise": noise,
    "freeform": freeform,
    "irregular": irregular,
    "lines": lines,
    "keep_patch": keep_patch,
    "block_pixels": block_pixels,
    "files": MaskFiles,
}


def make_hole(holes: Mapping, height: int, width: int, where: str = "config.holes") -> Hole:
    """The function that draws a hole, its arguments filled in.

    Args:
      holes: `kind`, a name of HOLES, and its arguments. Or kind "mix" and, by names of your choice,
        parts of the same form, each with a `weight`; the name of a part is its kind if it states
        none. A part of weight 0 is left out.
      height: of the pictures, pixels.
      width: of the pictures, pixels.
      where: what a refusal begins with.

    Returns:
      `hole(rng, height, width)` -> uint8 [h, w, 1], 1 = hole; it can be sent to worker processes.

    Raises:
      UserError: no such kind, arguments of another kind, or that cannot work at this size.
    """
    arguments = dict(holes)
    kind = arguments.pop("kind", None)
    if kind == "mix":
        return _make_mix(arguments, height, width, where)
    if kind not in HOLES:
        raise UserError(f'{where}: kind is "{kind}": choose {", ".join(HOLES)}, mix')
    _check_arguments(kind, arguments, where)
    try:
        hole = MaskFiles(**arguments) if kind == "files" else partial(HOLES[kind], **arguments)
        trials = [hole(np.random.default_rng(i), height, width) for i in range(TRIALS)]
    except UserError as error:
        raise UserError(f"{where}: {error}") from error
    if any(mask.all() for mask in trials):
        raise UserError(f"{where}: holes of kind {kind} cover all of {width}x{height} pixels")
    return hole


def mix(
    rng: np.random.Generator, height: int, width: int, *, parts: list[Hole], ends: list[float]
) -> PixelMask:
    """A hole of one of the parts; `ends` are the cumulative weights, of which the last is 1."""
    return parts[bisect(ends, rng.random())](rng, height, width)


def _make_mix(parts: Mapping, height: int, width: int, where: str) -> Hole:
    holes, weights = [], []
    for name in sorted(parts):  # not as they are written: the same chances draw the same kinds
        inside = f"{where}.{name}"
        if not hasattr(parts[name], "items") or "weight" not in parts[name]:
            raise UserError(f"{inside}: the parts of a mix have a weight, and the kind's arguments")
        part = {"kind": name, **parts[name]}
        weight = part.pop("weight")
        if type(weight) not in (int, float) or not 0 <= weight < math.inf:
            raise UserError(f"{inside}: weight is {weight!r}: choose a number from 0 on")
        if weight:
            holes.append(make_hole(part, height, width, inside))
            weights.append(weight)
    if not weights:
        raise UserError(f"{where}: a mix needs a part with a weight above 0")
    ends = [end / sum(weights) for end in accumulate(weights)]
    return partial(mix, parts=holes, ends=ends)


_TYPES = {"int": (int,), "float": (int, float), "bool": (bool,), "str": (str,)}


def _check_arguments(kind: str, arguments: Mapping, where: str) -> None:
    """Refuses arguments that are missing, unknown or of another type than the kind's function's."""
    wanted = {
        name: str(parameter.annotation)
        for name, parameter in inspect.signature(HOLES[kind]).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    }
    if set(arguments) != set(wanted):
        given = ", ".join(arguments) or "nothing"
        raise UserError(f"{where}: holes of kind {kind} take {', '.join(wanted)}, not {given}")
    for name, value in arguments.items():
        if type(value) not in _TYPES[wanted[name]]:
            raise UserError(f"{where}: {name} is {value!r}: choose a value of type {wanted[name]}")


def default_arguments(kind: str, edge: int) -> dict[str, Any]:
    """Arguments that suit pictures whose shorter edge has `edge` pixels; those of `files` lack one.

    The boxes have the paper's proportions, noise the shares of the authors' release of 2020, and
    free-form strokes the proportions of Yu et al. 2019.
    """
    return {
        "box": {"shortest": _part(edge, 3 / 8), "longest": _part(edge, 1 / 2)},
        "boxes": {
            "fewest": 2,
            "most": 5,
            "shortest": _part(edge, 1 / 10),
            "longest": _part(edge, 1 / 4),
        },
        "center": {"size": _part(edge, 1 / 2)},
        "outpaint": {"sides": 4, "narrowest": _part(edge, 1 / 16), "widest": _part(edge, 1 / 5)},
        "noise": {"smallest_share": 0.2, "largest_share": 0.3, "cell": _part(edge, 1 / 8)},
        "freeform": {
            "most_strokes": 4,
            "fewest_vertices": 4,
            "most_vertices": 12,
            "thinnest": _part(edge, 12 / 256),
            "thickest": _part(edge, 40 / 256),
            "angle": 72.0,
            "angle_spread": 24.0,
        },
        "irregular": {"smallest_share": 0.01, "largest_share": 0.6, "margin": 0},
        "lines": {"fewest": 1, "most": 9, "thinnest": 1, "thickest": _part(edge, 1 / 16)},
        "keep_patch": {"size": _part(edge, 1 / 2)},
        "block_pixels": {"probability": 0.5},
        "files": {"flip": False},
    }[kind]


def _part(edge: int, share: float) -> int:
    return max(1, round(edge * share))
