"""Keeps fixed sets of masks in a folder, with a manifest by which a changed mask is noticed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from glcic_jax.pictures.mask_files import decode_mask
from glcic_jax.runtime.disk import whole_folder
from glcic_jax.runtime.errors import UserError

if TYPE_CHECKING:
    from glcic_jax.types import Hole, PixelMask

MANIFEST = "manifest.json"


def draw_masks(
    hole: Hole, *, seed: int, count: int, height: int, width: int
) -> Iterator[PixelMask]:
    """Yields `count` masks of one size, each uint8 [h, w, 1], 1 = hole.

    Mask i depends on the seed and on i alone, so a longer set begins with the shorter one.
    """
    for index in range(count):
        yield hole(np.random.default_rng((seed, index)), height, width)


def write_mask_set(folder: Path, masks: Iterable[PixelMask], about: Mapping[str, Any]) -> str:
    """Writes masks as PNGs of 0 and 255, and the manifest. The folder appears once it is whole.

    Args:
      folder: must be missing or empty.
      masks: uint8 [h, w, 1], 1 = hole.
      about: how the masks were made; anything that JSON can hold.

    Returns:
      The hash of the set: SHA-256, in hexadecimal, of the hashes of all masks.

    Raises:
      UserError: the folder is not empty, or cannot be written.
    """
    try:
        with whole_folder(folder) as temporary:
            listed = []
            for index, mask in enumerate(masks):
                name = f"{index:06d}.png"
                (temporary / name).write_bytes(cv2.imencode(".png", mask * 255)[1].tobytes())
                share = float(mask.mean())
                listed.append({"file": name, "share": share, "sha256": mask_hash(mask)})
            digest = _set_hash(listed)
            manifest = {**about, "sha256": digest, "masks": listed}
            (temporary / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", "utf-8")
    except OSError as error:
        raise UserError(f"{folder}: cannot write: {error.strerror or error}") from error
    return digest


class MaskSet:
    """Reads a folder that `write_mask_set` wrote, as a sequence of masks. Each is verified.

    Attributes:
      about: kind, arguments, seed, width and height, as the manifest has them.
      sha256: the hash of the set.
    """

    def __init__(self, folder: str | Path) -> None:
        """Reads the manifest, but no masks.

        Raises:
          UserError: the manifest is missing, damaged, or does not agree with its own hash.
        """
        self.folder = Path(folder)
        path = self.folder / MANIFEST
        try:
            self.about = json.loads(path.read_text("utf-8"))
            self._masks = self.about.pop("masks")
            self.sha256 = self.about.pop("sha256")
            whole = self.sha256 == _set_hash(self._masks)
        except OSError as error:
            raise UserError(
                f"{path}: {error.strerror}: give a folder of glcic_jax.masks"
            ) from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(f"{path}: not a manifest of masks, or damaged") from error
        if not whole:
            raise UserError(f"{path}: masks were added, removed or changed: draw the set again")

    def __len__(self) -> int:
        return len(self._masks)

    def path(self, index: int) -> Path:
        """Returns the file of mask `index`."""
        return self.folder / self._masks[index]["file"]

    def __getitem__(self, index: int) -> PixelMask:
        """Reads mask `index`: uint8 [h, w, 1], 1 = hole.

        Raises:
          UserError: the file is gone, cannot be read, or holds another mask than was written.
        """
        path = self.path(index)
        mask = decode_mask(path)[..., None]
        if mask_hash(mask) != self._masks[index]["sha256"]:
            raise UserError(f"{path}: the mask has changed since it was drawn: draw the set again")
        return mask


def mask_hash(mask: PixelMask) -> str:
    """Returns the SHA-256 of a mask's size and pixels, whatever its file's compression."""
    height, width = mask.shape[:2]
    return hashlib.sha256(f"{width}x{height}:".encode() + mask.tobytes()).hexdigest()


def hash_of_set(masks: Iterable[PixelMask]) -> str:
    """Returns the hash of the set of these masks, as `write_mask_set` does."""
    return _set_hash([{"sha256": mask_hash(mask)} for mask in masks])


def _set_hash(listed: list[dict]) -> str:
    return hashlib.sha256("\n".join(mask["sha256"] for mask in listed).encode()).hexdigest()
