"""What the pipeline needs of a collection of pictures, and how bad ones are passed over."""

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
    """What the pipeline needs of a collection."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> PixelImage: ...

    def find(self, index: int) -> tuple[int, PixelImage]:
        """Picture `index`, or what stands in for it, and that picture's own number."""
        ...

    def listing(self) -> str:
        """A digest of what is in it."""
        ...


class Split(NamedTuple):
    """Pictures to train on and pictures to judge by; no pixel is in both.

    root: the folder they come from, if they come from one.
    mean_pixel: of those to train on, RGB in [0, 1], if it is known.
    """

    train: Source
    held_out: Source
    root: Path | None = None
    mean_pixel: tuple[float, float, float] | None = None


class Collection:
    """Pictures on a disk. A bad one is replaced by the next good one, the same one every time.

    Bad are pictures that cannot be read and those whose shortest edge is below `min_edge` pixels.
    Each is named in the log once; more than `max_bad_fraction` of all stop the run. A subclass has
    `__len__` and `read`.
    """

    def __init__(self, root: Path, *, min_edge: int, max_bad_fraction: float) -> None:
        self.root = root
        self._min_edge, self._max_bad_fraction = min_edge, max_bad_fraction
        self._bad: set[int] = set()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        raise NotImplementedError

    def read(self, index: int) -> PixelImage:
        """Picture `index`.

        Raises:
          UserError: it cannot be read; names it.
        """
        raise NotImplementedError

    def name(self, index: int) -> str:
        """What to call picture `index` in messages."""
        raise NotImplementedError

    def listing(self) -> str:
        """SHA-256 of the names of all pictures, or of what stands for them."""
        raise NotImplementedError

    def __getstate__(self) -> dict:
        """Without the lock: worker processes get a copy and count for themselves."""
        return {name: value for name, value in self.__dict__.items() if name != "_lock"}

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state, _lock=threading.Lock())

    def __getitem__(self, index: int) -> PixelImage:
        """Reads picture `index`, or the next one that can be read.

        Raises:
          UserError: too many bad ones.
        """
        return self.find(index)[1]

    def find(self, index: int) -> tuple[int, PixelImage]:
        """The same, with the number of the picture that was read."""
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
        if min(image.shape[:2]) < self._min_edge:
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
