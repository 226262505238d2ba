"""Lists the methods that the page offers: networks, and fills that need none."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool

from glcic_jax.complete.network_flags import SETTINGS, address_and_settings
from glcic_jax.methods.procedural.fills import FILLS, in_bytes
from glcic_jax.methods.procedural.poisson import surroundings
from glcic_jax.runtime.errors import UserError
from glcic_jax.types import PixelImage
from glcic_jax.weights.pretrained import is_bundled

FillPicture = Callable[[PixelImage, Bool[np.ndarray, "h w"], bool | str], PixelImage]
"""(image, hole, postprocess) -> completed, known pixels untouched."""

ALWAYS = {
    "telea": ("Fast fill", "for scratches, wires and writing: continues what is at the rim"),
    "navier_stokes": ("Fast fill, along lines", "for thin things that cross an edge or a line"),
    "laplace": ("Smooth fill", "for things before plain sky, walls or other soft colours"),
}
"""Fills that are always served, with a label and a line on when to use each: they are fast, and
depend on pixels close to the hole only."""

OF_NETWORKS = ("Network", "for things of any size: continues what it knows from other photographs")
"""Label of a network that is served alone, and when to use one."""

SEEN_MARGIN = 16
"""Pixels around the holes that the fills of ALWAYS depend on, at most."""


class Served(NamedTuple):
    """Describes a method as the page lists it.

    Attributes:
      name: name of a network's folder, or of a fill.
      step: updates that a network has had; None = a fill, which learns nothing.
      blends: whether its results are blended into their surroundings by default, as in Completer.
      texture: whether texture is copied by default.
      label: what people call it.
      about: one line on when to use it.
    """

    name: str
    step: int | None
    blends: bool | str
    texture: bool = False
    label: str = ""
    about: str = ""


def named_fills(specs: list[str]) -> dict[Served, FillPicture]:
    """Loads all methods to serve: networks in the order given, then the fills of ALWAYS.

    Args:
      specs: runs or weights as `glcic_jax.load` takes them, with ":large=scale" and the like behind
        them for settings of `load`; "NAME=" before one names it, otherwise it has the name of its
        folder.

    Raises:
      UserError: one cannot be loaded, or two have the same name.
    """
    fills: dict[Served, FillPicture] = {}
    named = named_specs(specs)
    for name, spec in named.items():
        from glcic_jax.complete.load import load

        address, settings = address_and_settings(spec)
        for chosen in ("postprocess", "texture"):
            if chosen in settings:
                raise UserError(f"{spec}: {chosen} is chosen on the page: leave it out")
        if unknown := settings.keys() - set(SETTINGS):
            raise UserError(f"{spec}: {min(unknown)} is none of {', '.join(SETTINGS)}")
        completer = load(address, texture=False, **settings)
        label, about = OF_NETWORKS
        label = label if len(named) == 1 else f"{label} {name}"
        served = Served(name, completer.step, completer.blends, is_bundled(address), label, about)
        fills[served] = completer
    for name, (label, about) in ALWAYS.items():
        fills[Served(name, None, False, False, label, about)] = _local(FILLS[name])
    return fills


def named_specs(specs: list[str]) -> dict[str, str]:
    """Returns the addresses of networks by their names.

    Raises:
      UserError: two have the same name.
    """
    names: dict[str, str] = {}
    for spec in specs:
        named = re.fullmatch(r"([^=:/]+)=(.+)", spec)
        own = Path(address_and_settings(spec)[0]).resolve().name
        name, path = named.groups() if named else (own, spec)
        if name in names or name in ALWAYS:
            raise UserError(f'two methods are called "{name}": write NAME={path} for one')
        names[name] = path
    return names


def _local(fill: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> FillPicture:
    """Shows a fill only the holes' surroundings, so that large pictures take no longer."""

    def run(
        image: PixelImage, hole: Bool[np.ndarray, "h w"], postprocess: bool | str
    ) -> PixelImage:
        around = surroundings(hole, SEEN_MARGIN)
        inside, result = hole[around], image.copy()
        (filled,) = in_bytes(fill, image[around][None], inside[None])
        result[around][inside] = filled[inside]
        return result  # nothing to blend in: it meets its surroundings by itself

    return run
