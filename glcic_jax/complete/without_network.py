"""Reads --method, and fills by methods that need no network. Needs no JAX, except for texture."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool

from glcic_jax.complete.network_flags import SETTINGS
from glcic_jax.methods.procedural.fills import FILLS, in_bytes
from glcic_jax.methods.procedural.poisson import blend, way_to_blend
from glcic_jax.runtime.errors import UserError

if TYPE_CHECKING:
    from glcic_jax.types import PixelImage

PATCHMATCH = "patchmatch"
"""Name of copied texture without a guide."""

METHODS = (*FILLS, PATCHMATCH)
"""The values of --method, as `glcic_jax.evaluate` names them too."""

OF_NETWORKS = ("checkpoint", "step", *SETTINGS)
"""Flags that choose a network and how it completes."""


def add_method_flag(parser: argparse.ArgumentParser) -> None:
    """Adds --method."""
    parser.add_argument(
        "--method", choices=METHODS, help="fill without a network, as rows of evaluate do"
    )


def check_method(args: argparse.Namespace) -> None:
    """Refuses flags that do not go with --method.

    Raises:
      UserError: a network is named too, or texture is copied and must not be, or be blended.
    """
    if args.method is None:
        return
    named = [name for name in OF_NETWORKS if getattr(args, name) is not None]
    if named:
        raise UserError(f"--method {args.method} needs no network: leave --{named[0]} out")
    if args.method == PATCHMATCH and args.texture is False:
        raise UserError(f"--method {PATCHMATCH} copies texture: leave --no-texture out")
    if args.method == PATCHMATCH and args.postprocess:
        raise UserError(f"--method {PATCHMATCH} hides its seams by itself: leave --postprocess out")


class PlainFill:
    """Fills uint8 pictures by a method without a network, called as `Completer` is.

    Args:
      name: one of METHODS other than PATCHMATCH.
    """

    def __init__(self, name: str) -> None:
        self._fill = FILLS[name]

    def __call__(
        self,
        image: PixelImage,
        hole: Bool[np.ndarray, "h w"],
        postprocess: bool | str | None = None,
    ) -> PixelImage:
        """Returns the picture, uint8 RGB [h, w, 3], with its holes filled.

        Raises:
          UserError: a package is missing.
        """
        if not hole.any():
            return image.copy()
        (completed,) = in_bytes(self._fill, image[None], hole[None])
        way = way_to_blend(postprocess or False)
        return completed if way is None else blend(image, completed, hole, way=way)
