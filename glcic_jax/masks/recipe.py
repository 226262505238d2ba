"""Fixed sets of masks kept as what they are drawn from: a file of a few lines."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glcic_jax.masks.kinds import make_hole
from glcic_jax.masks.mask_set import draw_masks, hash_of_set
from glcic_jax.runtime.disk import write_whole
from glcic_jax.runtime.errors import UserError

if TYPE_CHECKING:
    from glcic_jax.types import PixelMask

ENDING = ".json"


class MaskRecipe:
    """A sequence of masks, drawn anew and found to be the ones that were meant.

    Attributes:
      about: kind, arguments, seed, width, height, count.
      sha256: the hash of the set, the same as that of `write_mask_set`.
    """

    def __init__(self, path: str | Path) -> None:
        """Draws all masks.

        Raises:
          UserError: no such file, none of `write_recipe`, or the masks drawn here are others.
        """
        self._path = Path(path)
        try:
            self.about = json.loads(self._path.read_text())
            self.sha256 = self.about.pop("sha256")
            self._masks = draw_recipe(self.about)
        except OSError as error:
            raise UserError(f"{path}: {error.strerror}: give a file of glcic_jax.masks") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(f"{path}: not a recipe of masks, or damaged") from error
        if hash_of_set(self._masks) != self.sha256:
            raise UserError(
                f"{path}: the masks drawn here are not those it was written for: another version "
                "of OpenCV or another processor; copy the folder of masks instead"
            )

    def __len__(self) -> int:
        return len(self._masks)

    def path(self, index: int) -> Path:
        """The recipe: there is no file for mask `index`."""
        del index
        return self._path

    def __getitem__(self, index: int) -> PixelMask:
        """Mask `index`: uint8 [h, w, 1], 1 = hole."""
        return self._masks[index]


def draw_recipe(about: Mapping[str, Any]) -> list[PixelMask]:
    """The masks of a recipe: of kind, arguments, seed, width, height, count."""
    height, width = about["height"], about["width"]
    hole = make_hole({"kind": about["kind"], **about["arguments"]}, height, width)
    return list(
        draw_masks(hole, seed=about["seed"], count=about["count"], height=height, width=width)
    )


def write_recipe(path: Path, about: Mapping[str, Any]) -> str:
    """Draws the masks once and writes what they are drawn from, and their hash.

    Args:
      path: of the file, which ends in .json; replaced if it is there.
      about: kind, arguments, seed, width, height, count.

    Returns:
      The hash of the set.

    Raises:
      UserError: the file cannot be written.
    """
    digest = hash_of_set(draw_recipe(about))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps({**about, "sha256": digest}, indent=1) + "\n")
    except OSError as error:
        raise UserError(f"{path}: cannot write: {error.strerror}") from error
    return digest
