"""Lists the kinds of holes, and makes one or a mixture ready to draw. Needs no JAX."""

from __future__ import annotations

import inspect
import math
from bisect import bisect
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np

from glcic_jax.masks.files import MaskFiles
from glcic_jax.masks.shapes import block_pixels, box, boxes, center, keep_patch, noise, outpaint
from glcic_jax.masks.strokes import freeform, irregular, lines
from glcic_jax.runtime.errors import UserError

if TYPE_CHECKING:
    from glcic_jax.types import Hole, PixelMask

LARGEST = 2**15
"""The largest number that a kind takes: no picture has more pixels along an edge."""

TRIALS = 8
"""Number of holes that are drawn to check that the arguments work."""


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


@dataclass(frozen=True)
class OfEdge:
    """Stands for a size in pixels that is a share of a picture's shorter edge."""

    share: float

    def pixels(self, edge: int) -> int:
        """Returns the size for an edge in pixels; at least 1."""
        return max(1, round(edge * self.share))


DEFAULTS: dict[str, dict[str, Any]] = {
    "box": {"shortest": OfEdge(3 / 8), "longest": OfEdge(1 / 2)},
    "boxes": {"fewest": 2, "most": 5, "shortest": OfEdge(1 / 10), "longest": OfEdge(1 / 4)},
    "center": {"size": OfEdge(1 / 2)},
    "outpaint": {"sides": 4, "narrowest": OfEdge(1 / 16), "widest": OfEdge(1 / 5)},
    "noise": {"smallest_share": 0.2, "largest_share": 0.3, "cell": OfEdge(1 / 8)},
    "freeform": {
        "most_strokes": 4,
        "fewest_vertices": 4,
        "most_vertices": 12,
        "thinnest": OfEdge(12 / 256),
        "thickest": OfEdge(40 / 256),
        "angle": 72.0,
        "angle_spread": 24.0,
    },
    "irregular": {"smallest_share": 0.01, "largest_share": 0.6, "margin": 0},
    "lines": {"fewest": 1, "most": 9, "thinnest": 1, "thickest": OfEdge(1 / 16)},
    "keep_patch": {"size": OfEdge(1 / 2)},
    "block_pixels": {"probability": 0.5},
    "files": {"flip": False},
}
"""Default arguments of each kind.

The boxes have the proportions of GLCIC's paper, noise has the shares of the authors' release of
2020, and free-form strokes have the proportions of Yu et al. 2019.
"""


def make_hole(holes: Mapping, height: int, width: int, where: str = "config.holes") -> Hole:
    """Returns the function that draws holes of one kind, or of a mixture of kinds.

    Args:
      holes: `kind`, a name in HOLES, and the arguments of that kind. A mixture has the kind "mix",
        and any number of parts by names of your choice. A part has a `weight` besides its kind and
        arguments; a part without a kind is of the kind that it is named after. Parts of weight 0
        are left out.
      height: of the pictures, pixels.
      width: of the pictures, pixels.
      where: what a refusal begins with.

    Returns:
      `hole(rng, height, width)` -> uint8 [h, w, 1], 1 = hole; it can be sent to worker processes.

    Raises:
      UserError: the kind is unknown, or its arguments are missing, unknown, of another type, or
        cannot work at this size.
    """
    arguments = dict(holes)
    kind = arguments.pop("kind", None)
    if kind == "mix":
        return _make_mix(arguments, height, width, where)
    if not isinstance(kind, str) or kind not in HOLES:
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
    """Draws a hole of one part of a mixture.

    Args:
      rng: chooses the part, and draws the hole.
      height: of the picture, pixels.
      width: of the picture, pixels.
      parts: functions that draw holes.
      ends: cumulative shares of the parts; the last is 1.
    """
    return parts[bisect(ends, rng.random())](rng, height, width)


def _make_mix(parts: Mapping, height: int, width: int, where: str) -> Hole:
    """Returns the function that draws holes of a mixture; see `make_hole`."""
    holes, weights = [], []
    for name in sorted(parts):  # the order in which a config lists them changes nothing
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
    sums = list(accumulate(weights))  # sum() rounds in another way from Python 3.12 on
    ends = [end / sums[-1] for end in sums]
    return partial(mix, parts=holes, ends=ends)


TYPES = {"int": (int,), "float": (int, float), "bool": (bool,), "str": (str,)}
"""The types of values that an argument annotated so accepts."""


def _check_arguments(kind: str, arguments: Mapping, where: str) -> None:
    """Refuses arguments that are missing, unknown, or of another type than the kind takes."""
    wanted = {
        name: str(parameter.annotation)
        for name, parameter in inspect.signature(HOLES[kind]).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    }
    if unknown := [name for name in arguments if name not in wanted]:
        takes = ", ".join(wanted)
        raise UserError(f"{where}: holes of kind {kind} take {takes}, not {', '.join(unknown)}")
    if missing := [name for name in wanted if name not in arguments]:
        raise UserError(f"{where}: holes of kind {kind} also need {', '.join(missing)}")
    for name, value in arguments.items():
        if type(value) not in TYPES[wanted[name]]:
            raise UserError(f"{where}: {name} is {value!r}: choose a value of type {wanted[name]}")
        if type(value) in (int, float) and not abs(value) <= LARGEST:
            raise UserError(f"{where}: {name} is {value!r}: choose at most {LARGEST}")


def default_arguments(kind: str, edge: int) -> dict[str, Any]:
    """Returns arguments of a kind that suit pictures of one size.

    Args:
      kind: a name in HOLES. "files" has no default for its `folder`.
      edge: the pictures' shorter edge, pixels.
    """
    return {
        name: value.pixels(edge) if isinstance(value, OfEdge) else value
        for name, value in DEFAULTS[kind].items()
    }
