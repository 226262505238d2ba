"""Reads the flags for texture, and copies it at a photograph's full depth. Needs no JAX."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Shaped

from glcic_jax.complete.thick_holes import guides_for
from glcic_jax.complete.without_network import PATCHMATCH
from glcic_jax.masks.by_hand import read_painted_mask
from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.process import give_back_memory
from glcic_jax.texture.seeds import check_seed
from glcic_jax.weights.pretrained import is_bundled

if TYPE_CHECKING:
    from glcic_jax.types import PixelImage

CopyTexture = Callable[
    [Shaped[np.ndarray, "h w c"], Bool[np.ndarray, "h w"], "PixelImage | None"],
    Shaped[np.ndarray, "h w c"],
]
"""(picture, hole, guide or None) -> filled picture, of the picture's depth."""

CompletePicture = Callable[["PixelImage", Bool[np.ndarray, "h w"]], "PixelImage"]
"""(image, hole) -> completed picture."""

FillPhoto = Callable[
    [Shaped[np.ndarray, "h w c"], "PixelImage", Bool[np.ndarray, "h w"]],
    Shaped[np.ndarray, "h w k"],
]
"""(picture at its own depth, the same as uint8 RGB, hole) -> one or the other, filled."""


def add_texture_flags(parser: argparse.ArgumentParser) -> None:
    """Adds --texture, --no-texture, --seed and --avoid."""
    parser.add_argument(
        "--texture",
        action=argparse.BooleanOptionalAction,
        help="copy texture of the known part into the holes, guided by the network; by default "
        "with the network that comes with the package, and not with others",
    )
    parser.add_argument(
        "--seed", type=int, metavar="N", help="another number copies other texture; 0 by default"
    )
    parser.add_argument(
        "--avoid", type=Path, metavar="MASK", help="mask of what must not be copied, in white"
    )


def texture_from(args: argparse.Namespace) -> CopyTexture | None:
    """Returns what copies texture as the command line asks; None = nothing does.

    Raises:
      UserError: --seed or --avoid without texture, such a seed, or a mask that cannot be read.
    """
    wanted = args.texture
    if wanted is None:
        wanted = args.method == PATCHMATCH if args.method else is_bundled(args.checkpoint)
    given = [name for name in ("seed", "avoid") if getattr(args, name) is not None]
    if not wanted:
        if given:
            raise UserError(f"--{given[0]} is for texture: add --texture")
        return None
    seed = args.seed or 0
    check_seed(seed, "--seed")
    avoid = None
    if args.avoid is not None:
        if args.avoid.is_dir():
            raise UserError(f"--avoid {args.avoid} is a folder: give one mask, for all pictures")
        avoid, _ = read_painted_mask(args.avoid)

    def copy(
        picture: Shaped[np.ndarray, "h w c"],
        hole: Bool[np.ndarray, "h w"],
        guide: PixelImage | None,
    ) -> Shaped[np.ndarray, "h w c"]:
        from glcic_jax.texture.fill import fill  # only now: refusals need no JAX

        return fill(picture, hole, guide, avoid, seed=seed)

    return copy


def photo_fill(complete: CompletePicture | None, copy_texture: CopyTexture | None) -> FillPhoto:
    """Returns what fills a photograph.

    Args:
      complete: completes pictures; None = texture is copied without a guide.
      copy_texture: copies texture, guided by the completion; None = nothing does.
    """

    def fill(
        own: Shaped[np.ndarray, "h w c"], image: PixelImage, hole: Bool[np.ndarray, "h w"]
    ) -> Shaped[np.ndarray, "h w k"]:
        if copy_texture is None:
            if complete is None:
                raise TypeError("photo_fill: give complete, copy_texture or both")
            return complete(image, hole)
        guide = None
        if complete is not None:
            (guide,) = guides_for([image], [hole], partial(map, complete))
            give_back_memory()  # the network's features, before texture takes its own
        return copy_texture(own, hole, guide)

    return fill
