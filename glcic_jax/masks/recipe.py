"""Recipes: files of a few lines from which a fixed set of masks is drawn again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glcic_jax.masks.kinds import make_hole
from glcic_jax.masks.mask_set import draw_masks, hash_of_set
from glcic_jax.runtime.disk import write_file
from glcic_jax.runtime.errors import UserError

if TYPE_CHECKING:
    from glcic_jax.types import PixelMask

ENDING = ".json"


class MaskRecipe:
    """Draws the masks of a recipe again, and checks that they are the same ones.

    Attributes:
      about: kind, arguments, seed, width, height and count.
      sha256: the hash of the set, the same as that of `write_mask_set`.
    """

    def __init__(self, path: str | Path) -> None:
        """Draws all masks.

        Raises:
          UserError: the file is missing or not a recipe, or the masks drawn here differ.
        """
        self._path = Path(path)
        try:
            self.about = json.loads(self._path.read_text("utf-8"))
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
        """Returns the path of the recipe, as no mask has a file of its own."""
        del index
        return self._path

    def __getitem__(self, index: int) -> PixelMask:
        """Returns mask `index`: uint8 [h, w, 1], 1 = hole."""
        return self._masks[index]


def draw_recipe(about: Mapping[str, Any]) -> list[PixelMask]:
    """Draws the masks of a recipe, which has kind, arguments, seed, width, height and count."""
    height, width = about["height"], about["width"]
    hole = make_hole({"kind": about["kind"], **about["arguments"]}, height, width)
    return list(
        draw_masks(hole, seed=about["seed"], count=about["count"], height=height, width=width)
    )


def write_recipe(path: Path, about: Mapping[str, Any]) -> str:
    """Writes a recipe: what the masks are drawn from, and their hash. Draws them once for it.

    Args:
      path: the file, which ends in .json; an old one is replaced.
      about: kind, arguments, seed, width, height and count.

    Returns:
      The hash of the set.

    Raises:
      UserError: the file cannot be written.
    """
    digest = hash_of_set(draw_recipe(about))
    write_file(path, json.dumps({**about, "sha256": digest}, indent=1) + "\n")
    return digest
