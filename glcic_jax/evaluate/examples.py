"""Reads the pictures and holes that methods are judged on, a few at a time, the same every time."""

import logging
import os
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import groupby, islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from glcic_jax.data.shards import Records
from glcic_jax.data.sources import to_score_by
from glcic_jax.masks.kinds import HOLES, default_arguments
from glcic_jax.masks.mask_set import MANIFEST, MaskSet
from glcic_jax.masks.pairing import own_masks
from glcic_jax.masks.recipe import ENDING, MaskRecipe
from glcic_jax.pictures.mask_files import decode_mask
from glcic_jax.pictures.resize import middle_square
from glcic_jax.pictures.storage import no_folder, pictures_below
from glcic_jax.runtime.errors import UserError
from glcic_jax.types import PixelImage

log = logging.getLogger(__name__)

HOLE_KINDS = tuple(kind for kind in HOLES if kind != "files")
"""Kinds of holes to draw; masks in files are read as they are."""

READERS = min(4, os.cpu_count() or 1)
"""Threads that read examples. Two examples more than this are held at once, beside a batch."""


class Example(NamedTuple):
    """Holds a picture, uint8 RGB [h, w, 3], and its hole, uint8 [h, w], 1 = hole."""

    name: str
    image: PixelImage
    mask: UInt8[np.ndarray, "h w"]

    @property
    def share(self) -> float:
        """Returns the share of the picture that the hole covers, in [0, 1]."""
        return float(self.mask.mean())

    def checksum(self) -> int:
        """Returns a number by which a change of the picture or of its hole is noticed."""
        picture = zlib.crc32(np.ascontiguousarray(self.image).data)
        return zlib.crc32(np.ascontiguousarray(self.mask).data, picture)


class Examples:
    """Reads every picture below a folder with its hole, in the order of their names.

    Args:
      data: the folder, searched with the folders in it; links to folders are not followed. Of
        shards that `glcic_jax.prepare` wrote, it is the held-out part, in the order of the records.
      masks: a folder of masks, a set that `glcic_jax.masks` made, or a kind of hole. In a folder
        each picture has the mask of its name (photo.jpg: photo.png or photo_mask.png). Of a set,
        folder or recipe, picture i takes mask i modulo their number, checked against the set's
        hashes. A kind draws a hole for each picture.
      size: the pictures are scaled to this shortest edge, in pixels, and their middle square is
        taken; None leaves them as they are. Masks that are read are not scaled.
      seed: seed of the holes that are drawn.
      by_order: whether picture i takes mask i of a folder modulo their number, whatever their
        names.

    Raises:
      UserError: a folder is missing or empty, the kind is unknown, a picture has no mask of its
        name or several, or a set of masks has changed.
    """

    def __init__(
        self,
        data: Path,
        masks: str,
        *,
        size: int | None = None,
        seed: int = 0,
        by_order: bool = False,
    ) -> None:
        self._size, self._seed = size, seed
        address = f"--data {data}"
        self._pictures = to_score_by(data, address, min_edge=1, max_bad_fraction=0)
        self.names = self._pictures.names
        if isinstance(self._pictures, Records):
            log.warning("%s: the held-out part of shards: %d pictures", address, len(self))
        # One of three: a set of masks, a folder of mask files, or a kind of hole to draw.
        self._mask_set = _open_mask_set(masks)
        self._files: list[Path] = []
        self._kind: str | None = None
        if self._mask_set is None and Path(masks).is_dir():
            if Path(masks).samefile(data):
                raise UserError(f"--masks {masks}: is the folder of --data: give one of masks")
            self._files = _paired(data, self.names, Path(masks), by_order)
        elif self._mask_set is None:
            self._kind = masks
            if masks not in HOLE_KINDS:
                known = ", ".join(HOLE_KINDS)
                what = no_folder(Path(masks))
                raise UserError(f"--masks {masks}: {what}, and not a kind of hole ({known})")

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Example:
        """Reads picture `index` and its hole.

        Raises:
          UserError: a damaged file, or a mask of another size, without a hole, or that is all hole.
        """
        image = self._pictures.read(index)
        if self._size:
            image = middle_square(image, self._size)
        if self._kind:
            return Example(self.names[index], image, self._draw(index, image))
        file, mask = self._read_mask(index)
        if mask.shape != image.shape[:2]:
            (h, w), (rows, columns) = mask.shape, image.shape[:2]
            raise UserError(
                f"{file} is {w}x{h} and {self._pictures.name(index)} {columns}x{rows} pixels: "
                "give masks of the pictures' size, or --size"
            )
        if not mask.any():
            raise UserError(f"{file} holds no hole (white): there is nothing to compare")
        if mask.all():
            raise UserError(f"{file} covers the whole picture: there is nothing to compare")
        return Example(self.names[index], image, mask)

    def _read_mask(self, index: int) -> tuple[Path, UInt8[np.ndarray, "h w"]]:
        """Reads the mask of picture `index`; also returns its path, for messages."""
        if self._mask_set is None:
            return self._files[index], decode_mask(self._files[index])
        number = index % len(self._mask_set)
        return self._mask_set.path(number), self._mask_set[number][..., 0]

    def _draw(self, index: int, image: PixelImage) -> UInt8[np.ndarray, "h w"]:
        """Draws the hole of picture `index`, the same one every time."""
        assert self._kind
        height, width = image.shape[:2]
        arguments = default_arguments(self._kind, min(height, width))
        rng = np.random.default_rng((self._seed, index))
        try:
            mask = HOLES[self._kind](rng, height, width, **arguments)[..., 0]
        except (UserError, ValueError) as error:
            name = self._pictures.name(index)
            raise UserError(f"{name}: no hole of kind {self._kind} fits: {error}") from error
        if not mask.any() or mask.all():
            size = f"{width}x{height} pixels"
            raise UserError(f"{self._pictures.name(index)}: {size} are too few for a hole")
        return mask

    def batches(
        self, batch_size: int, checksums: Sequence[int] | None = None
    ) -> Iterator[list[Example]]:
        """Yields all examples in their order, up to `batch_size` neighbours of one size at once.

        Args:
          batch_size: examples of one size at a time, at most.
          checksums: what each example's `checksum` was when it was checked; by default they are
            not compared.

        Raises:
          UserError: an example cannot be used, or has changed.
        """
        read = self._unchanged(checksums)
        for _, same in groupby(read, key=lambda example: example.image.shape):
            while batch := list(islice(same, batch_size)):
                yield batch

    def _unchanged(self, checksums: Sequence[int] | None) -> Iterator[Example]:
        """Yields all examples, each compared with its checksum, if there are any."""
        for index, reading in enumerate(self.read_ahead()):
            example = reading.result()
            if checksums is not None and checksums[index] != example.checksum():
                raise UserError(
                    f"{self._pictures.name(index)}: the picture or its mask changed during "
                    "the evaluation: start it again"
                )
            yield example

    def read_ahead(self) -> Iterator[Future[Example]]:
        """Yields all examples in their order, those that fail too, while threads read the next."""
        pool = ThreadPoolExecutor(READERS)
        ahead: deque[Future[Example]] = deque()
        try:
            for index in range(len(self)):
                ahead.append(pool.submit(self.__getitem__, index))
                if len(ahead) > READERS:
                    yield ahead.popleft()
            while ahead:
                yield ahead.popleft()
        finally:
            pool.shutdown(cancel_futures=True)


def _open_mask_set(masks: str) -> MaskSet | MaskRecipe | None:
    """Opens a set that `glcic_jax.masks` made; None if `masks` names none."""
    if masks.endswith(ENDING):
        return MaskRecipe(masks)
    return MaskSet(masks) if Path(masks, MANIFEST).exists() else None


def _paired(data: Path, names: list[str], masks: Path, by_order: bool) -> list[Path]:
    """Returns each picture's mask: the one of its name, or with `by_order` all masks in turn."""
    files = pictures_below(masks, f"--masks {masks}")
    if by_order:
        return [masks / files[index % len(files)] for index in range(len(names))]
    found, problems = own_masks(names, files)
    for name, problem in problems.items():
        raise UserError(
            f"{data / name}: {masks} {problem}; --by_order gives the pictures the masks in order, "
            "whatever they are called"
        )
    return [masks / found[name] for name in names]
