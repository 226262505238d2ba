"""Finds training pictures that are held out as well: the same file, or the same picture again.

A near duplicate has nearly the same difference hash (dHash, N. Krawetz, 2013). The hash is made of
a grey thumbnail of 9 x 8 pixels: its bits are 1 where a pixel is darker than the one right of it.
Copies that were scaled or compressed again are found; mirrored, turned or cropped ones are not.
Needs no JAX.
"""

from __future__ import annotations

import hashlib
from array import array
from typing import TYPE_CHECKING, Literal, NamedTuple

import cv2
import numpy as np
from jaxtyping import UInt8

if TYPE_CHECKING:
    from glcic_jax.types import PixelImage

DIFFERENT_BITS = 8
"""Largest number of bits, of 64, in which the hashes of near duplicates differ.

Of 400 copies at a third of the size and JPEG quality 60, 399 differ by less.
"""

DIFFERENT_GREY = 4
"""Largest mean difference of the thumbnails of near duplicates, of 255.

It parts blank pictures, which share a hash. Copies differ by less than 1.
"""


class Fingerprint(NamedTuple):
    """Holds the fingerprint of a picture: a hash of its file, and its thumbnail."""

    file: bytes
    thumbnail: UInt8[np.ndarray, "8 9"]

    def to_hex(self) -> tuple[str, str]:
        """Returns both parts as text, for JSON."""
        return self.file.hex(), self.thumbnail.tobytes().hex()

    @classmethod
    def from_hex(cls, file: str, thumbnail: str) -> Fingerprint:
        """Undoes `to_hex`."""
        grey = np.frombuffer(bytes.fromhex(thumbnail), np.uint8).reshape(8, 9)
        return cls(bytes.fromhex(file), grey)


def fingerprint(data: bytes, image: PixelImage) -> Fingerprint:
    """Returns the fingerprint of a picture.

    Args:
      data: the bytes of its file.
      image: its pixels, uint8 RGB [h, w, 3].
    """
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    file = hashlib.sha256(data).digest()[:8]
    return Fingerprint(file, cv2.resize(grey, (9, 8), interpolation=cv2.INTER_AREA))


def difference_hash(thumbnail: UInt8[np.ndarray, "8 9"]) -> int:
    """Returns 64 bits, which are 1 where brightness rises to the right."""
    rises = thumbnail[:, 1:] > thumbnail[:, :-1]
    return int.from_bytes(np.packbits(rises).tobytes())


class HeldOut:
    """Holds the held-out pictures, to compare training pictures with them. Can be pickled.

    A comparison goes through all of them, which takes 0.15 milliseconds for 36,500.
    """

    def __init__(self) -> None:
        self._names: list[str] = []
        self._files: dict[bytes, int] = {}
        self._thumbnails = bytearray()
        self._hashes = array("Q")

    def add(self, name: str, picture: Fingerprint) -> None:
        """Adds a held-out picture."""
        self._files.setdefault(picture.file, len(self._names))
        self._names.append(name)
        self._thumbnails += picture.thumbnail.tobytes()
        self._hashes.append(difference_hash(picture.thumbnail))

    def twin(self, picture: Fingerprint) -> tuple[str, Literal["exact", "near"]] | None:
        """Finds the held-out picture that is the same as this one.

        Returns:
          Its name, and "exact" if the files are the same byte for byte, or "near" if it is the
          nearest by hash and near enough. None if there is no such picture.
        """
        if picture.file in self._files:
            return self._names[self._files[picture.file]], "exact"
        hashes = np.frombuffer(self._hashes, np.uint64)
        bits = np.bitwise_count(hashes ^ np.uint64(difference_hash(picture.thumbnail)))
        close = np.flatnonzero(bits <= DIFFERENT_BITS)
        thumbnails = np.frombuffer(self._thumbnails, np.uint8).reshape(-1, 8, 9)
        grey = thumbnails[close].astype(np.int16) - picture.thumbnail
        close = close[np.abs(grey).mean(axis=(1, 2)) <= DIFFERENT_GREY]
        if not len(close):
            return None
        return self._names[close[np.argmin(bits[close])]], "near"
