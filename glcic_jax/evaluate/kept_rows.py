"""Keeps the finished rows of an evaluation until its report is whole, for the case of a stop."""

import hashlib
import io
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from jaxtyping import UInt8

from glcic_jax.evaluate.examples import Example
from glcic_jax.runtime.digests import Item, file_digest, json_digest
from glcic_jax.runtime.disk import whole_folder, write_whole
from glcic_jax.types import PixelImage

HOLES_LIMIT = 2**30
"""Bytes of a row's completed holes that are kept: 5,400 holes of 256 x 256 pixels.

They are the pictures that the report may show. Which it shows is known once all rows are finished.
"""

LONGEST_NAME = 40
"""Letters of the report's name that the folder of its rows repeats: names have a limit."""

ARRAYS, HOLES, ABOUT = "arrays.npz", "holes.bin", "about.json"


class KeptRow:
    """Holds a finished row: what was measured, and what the method put into the holes.

    Attributes:
      arrays: what was measured, by name.
    """

    def __init__(self, folder: Path) -> None:
        """Opens a row.

        Raises:
          OSError, ValueError, KeyError: it is not there, or not as it was written.
        """
        about = json.loads((folder / ABOUT).read_text("utf-8"))
        content = (folder / ARRAYS).read_bytes()
        self._holes = folder / HOLES
        found = [hashlib.sha256(content).hexdigest(), file_digest(self._holes)]
        if found != about["sha256"]:
            raise ValueError(f"{folder}: the row is damaged")
        self._ends = np.cumsum(about["sizes"], dtype=np.int64)
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            self.arrays: Item = dict(file)

    def completed(self, index: int, example: Example) -> PixelImage | None:
        """Returns example `index` with its holes filled; None if they went beyond the limit."""
        if index >= len(self._ends):
            return None
        hole = example.mask > 0
        size = 3 * int(hole.sum())
        start = int(self._ends[index]) - size
        pixels = np.fromfile(self._holes, np.uint8, size, offset=start)
        picture = example.image.copy()
        picture[hole] = pixels.reshape(-1, 3)
        return picture


class Holes:
    """Writes the pixels of completed holes one after the other, up to a limit."""

    def __init__(self, file: BinaryIO, limit: int) -> None:
        self._file, self._left = file, limit
        self.sizes: list[int] = []

    def add(self, pictures: UInt8[np.ndarray, "b h w 3"], masks: np.ndarray) -> None:
        """Adds the holes of completed pictures, whose masks are [b, h, w, 1]."""
        for picture, mask in zip(pictures, masks, strict=True):
            pixels = picture[mask[..., 0] > 0].tobytes()
            self._left -= len(pixels)
            if self._left < 0:
                self._left = 0  # smaller ones that follow would fit, but not in their order
                return
            self._file.write(pixels)
            self.sizes.append(len(pixels))


class KeptRows:
    """Reads and writes the rows of one evaluation in a hidden folder beside its report.

    A row stands under the digest of all that it depends on, so a row of anything else is not found.

    Args:
      output: the report's folder.
      depends: what all rows depend on; anything that JSON can hold.
      limit: bytes of each row's completed holes that are kept.
    """

    def __init__(self, output: Path, depends: Any, limit: int = HOLES_LIMIT) -> None:
        output = output.absolute()
        name = output.name
        if len(name) > LONGEST_NAME:
            name = f"{name[:LONGEST_NAME]}.{json_digest(name)[:8]}"
        self.folder = output.with_name(f".{name}.rows")
        self._depends, self._limit = depends, limit

    def find(self, label: str, about: Any) -> KeptRow | None:
        """Returns a finished row; None if there is none that is whole.

        Args:
          label: name of the row.
          about: what it alone depends on; anything that JSON can hold.
        """
        try:
            return KeptRow(self._place(label, about))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, label: str, about: Any, measure: Callable[[Holes], Item]) -> KeptRow:
        """Measures a row and keeps it. If that fails, nothing is kept.

        Args:
          label: name of the row.
          about: as in `find`.
          measure: returns what is to be kept, and adds the holes that are to be kept.

        Raises:
          OSError: the disk is full, or something there cannot be written.
        """
        place = self._place(label, about)
        with whole_folder(place, replace=True) as folder:
            with (folder / HOLES).open("wb") as file:
                holes = Holes(file, self._limit)
                arrays = measure(holes)
            content = io.BytesIO()
            np.savez(content, allow_pickle=False, **arrays)
            write_whole(folder / ARRAYS, content.getvalue())
            digests = [hashlib.sha256(content.getvalue()).hexdigest(), file_digest(folder / HOLES)]
            write_whole(folder / ABOUT, json.dumps({"sha256": digests, "sizes": holes.sizes}))
        return KeptRow(place)

    @contextmanager
    def until_reported(self) -> Iterator[None]:
        """Removes the rows after a block that writes the report; if it fails, they stay."""
        made = [p for p in (self.folder, *self.folder.parents) if not p.exists()]
        try:
            yield
            shutil.rmtree(self.folder, ignore_errors=True)
        finally:
            with suppress(OSError):
                for folder in made:
                    folder.rmdir()  # only empty ones: nothing is left of what came to nothing

    def _place(self, label: str, about: Any) -> Path:
        return self.folder / json_digest([self._depends, label, about])
