"""Describes collections of pictures for the pipeline, and replaces bad pictures by good ones."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from glcic_jax.runtime.errors import UserError

if TYPE_CHECKING:
    from glcic_jax.types import PixelImage

log = logging.getLogger(__name__)


class Source(Protocol):
    """Describes a collection of pictures, uint8 RGB [h, w, 3]."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> PixelImage: ...

    def find(self, index: int) -> tuple[int, PixelImage]:
        """Returns picture `index`, or its replacement if it is bad, after that picture's number."""
        ...

    def listing(self) -> str:
        """Returns a digest of what is in the collection."""
        ...


class Split(NamedTuple):
    """Holds pictures to train on and pictures to score by. No pixel is in both.

    Attributes:
      train: the pictures to train on.
      held_out: the pictures to score by.
      root: the folder of the pictures, if they come from one.
      mean_pixel: the mean of the pictures to train on, RGB in [0, 1], if it is known.
    """

    train: Source
    held_out: Source
    root: Path | None = None
    mean_pixel: tuple[float, float, float] | None = None


class Collection:
    """Reads pictures from a disk. A bad one is replaced by the next good one, always by the same.

    Bad are pictures that cannot be read, and those that are too small. The log names each of them
    once. A subclass defines `__len__`, `read`, `name` and `listing`.

    Args:
      root: the folder of the pictures.
      min_edge: the smallest shortest edge of a picture, pixels.
      max_bad_fraction: the share of bad pictures above which the run stops.
    """

    def __init__(self, root: Path, *, min_edge: int, max_bad_fraction: float) -> None:
        self.root, self.min_edge = root, min_edge
        self._max_bad_fraction = max_bad_fraction
        self._bad: set[int] = set()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        raise NotImplementedError

    def read(self, index: int) -> PixelImage:
        """Reads picture `index`: uint8 RGB [h, w, 3].

        Raises:
          UserError: it cannot be read; the message names it.
        """
        raise NotImplementedError

    def name(self, index: int) -> str:
        """Returns the name of picture `index` for messages."""
        raise NotImplementedError

    def listing(self) -> str:
        """Returns the SHA-256 of the names of all pictures, or of names that stand for them."""
        raise NotImplementedError

    def __getstate__(self) -> dict:
        """Leaves out the lock: worker processes get a copy and count for themselves."""
        return {name: value for name, value in self.__dict__.items() if name != "_lock"}

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state, _lock=threading.Lock())

    def __getitem__(self, index: int) -> PixelImage:
        """Reads picture `index`, or the next one that can be read: uint8 RGB [h, w, 3].

        Raises:
          UserError: too many pictures are bad.
        """
        return self.find(index)[1]

    def find(self, index: int) -> tuple[int, PixelImage]:
        """Reads the same, and returns it after the number of the picture that was read."""
        for offset in range(len(self)):
            candidate = (index + offset) % len(self)
            if candidate in self._bad:
                continue
            try:
                return candidate, self._checked(candidate)
            except UserError as error:
                self._note(candidate, str(error))
        raise UserError(f"{self.root}: none of {len(self)} pictures can be used")

    def _checked(self, index: int) -> PixelImage:
        image = self.read(index)
        if min(image.shape[:2]) < self.min_edge:
            size = f"{image.shape[1]}x{image.shape[0]}"
            raise UserError(f"{self.name(index)}: {size} pixels, below data.min_edge")
        return image

    def _note(self, index: int, reason: str) -> None:
        with self._lock:
            if index in self._bad:
                return
            self._bad.add(index)
            count, total = len(self._bad), len(self)
        log.warning("skipped: %s", reason)
        if count > self._max_bad_fraction * total:
            raise UserError(
                f"{self.root}: at least {count} of {total} pictures are unreadable or too small, "
                f"the last of them {self.name(index)}: remove them or raise data.max_bad_fraction"
            )
