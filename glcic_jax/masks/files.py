"""Masks from a folder of files, as a kind of hole. Needs no JAX."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from glcic_jax.pictures.mask_files import decode_mask
from glcic_jax.pictures.storage import pictures_below
from glcic_jax.runtime.errors import UserError

if TYPE_CHECKING:
    from glcic_jax.types import PixelMask

log = logging.getLogger(__name__)


class MaskFiles:
    """Draws masks from the files of a folder, which are listed once.

    A bad mask is replaced by the next good one, always by the same. Bad are files that cannot be
    read, and masks that are empty or full at the size asked for; the log names each of them once.
    White (a grey value of 128 or more) is hole, as everywhere.
    """

    def __init__(self, *, folder: str, flip: bool) -> None:
        """Lists the masks.

        Args:
          folder: is searched with all folders in it.
          flip: whether to mirror half of the masks left to right, and half of them upside down.

        Raises:
          UserError: the folder is missing or holds no masks.
        """
        if not folder:  # Path("") would be the current folder
            raise UserError("folder is empty: set it to the folder of the masks")
        self.folder, self.flip = folder, flip
        self.names = pictures_below(Path(folder), f"folder {folder}", "masks")
        self._bad: set[str] = set()

    def __call__(self, rng: np.random.Generator, height: int, width: int) -> PixelMask:
        """Returns one of the masks, each side resized by nearest neighbour.

        Args:
          rng: chooses the mask and its mirroring.
          height: of the result, pixels.
          width: of the result, pixels.

        Returns:
          uint8 [h, w, 1], 1 = hole.

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
            if mirror[0]:
                mask = mask[::-1]
            if mirror[1]:
                mask = mask[:, ::-1]
            return np.ascontiguousarray(mask)[..., None]
        raise UserError(f"folder {self.folder}: none of {len(self.names)} masks can be used")

    def _read(self, name: str, height: int, width: int) -> np.ndarray:
        path = Path(self.folder) / name
        mask = cv2.resize(decode_mask(path), (width, height), interpolation=cv2.INTER_NEAREST)
        if mask.all() or not mask.any():
            state = "full" if mask.any() else "empty"
            raise UserError(f"{path}: the mask is {state} at {width}x{height} pixels")
        return mask
