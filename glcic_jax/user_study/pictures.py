"""Orders the pictures of a user study as each rater sees them."""

from __future__ import annotations

import logging
import random
import unicodedata
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from glcic_jax.pictures.decode import decode
from glcic_jax.pictures.left_out import LeftOut
from glcic_jax.pictures.resize import middle_square
from glcic_jax.pictures.storage import pictures
from glcic_jax.runtime.bars import bar
from glcic_jax.runtime.errors import UserError
from glcic_jax.user_study.answers import TRUTHS

if TYPE_CHECKING:
    from glcic_jax.types import PixelImage

log = logging.getLogger(__name__)


class Picture(NamedTuple):
    """Names a picture's file.

    Attributes:
      truth: what it is, one of TRUTHS.
      folder: the folder of all pictures of this truth.
      name: the file within that folder, relative, with "/".
    """

    truth: str
    folder: Path
    name: str


class Pictures:
    """Lists the real and the completed pictures, and chooses those that each rater sees.

    Two whose names differ in their endings only (real a/b.jpg, completed a/b.png) are versions of
    one scene. A rater sees only one of them, since nobody who has seen both is unprejudiced.

    Args:
      real: folder, searched with the folders in it.
      completed: folder, searched with the folders in it.
      size: every picture is scaled to this shortest edge, in pixels, and its middle square is
        shown; None = as it is.

    Attributes:
      counts: numbers of real and of completed pictures.

    Raises:
      UserError: the same folder twice, a missing or empty one, a picture that cannot be read, or
        sizes that only real or only completed pictures have.
    """

    def __init__(self, real: Path, completed: Path, size: int | None = None) -> None:
        if real.resolve() == completed.resolve():
            raise UserError(f"--real and --completed are both {real}: give two folders")
        self._size = size
        self._scenes: dict[str, list[Picture]] = {}
        all_real, all_completed = _listed("real", real), _listed("completed", completed)
        self.counts = len(all_real), len(all_completed)
        for picture in (*all_real, *all_completed):
            self._scenes.setdefault(scene(picture.name), []).append(picture)
        self._check([*all_real, *all_completed])

    def __len__(self) -> int:
        """Returns the number of scenes, which is how many pictures a rater is shown."""
        return len(self._scenes)

    def _check(self, every: list[Picture]) -> None:
        """Reads every picture, and refuses sizes that would give the truth away."""
        sizes: dict[str, dict[tuple[int, int], Picture]] = {truth: {} for truth in TRUTHS}
        for picture in bar(every, title="checking"):
            height, width = self._pixels(picture).shape[:2]
            sizes[picture.truth][width, height] = picture
        for truth, other in (("real", "completed"), ("completed", "real")):
            for (width, height), picture in sizes[truth].items():
                if (width, height) not in sizes[other]:
                    raise UserError(
                        f"{picture.folder / picture.name} is {width}x{height} pixels, and no "
                        f"{other} picture is: raters could recognise it by its size; give --size"
                    )

    def order(self, rater: str, seed: int) -> list[Picture]:
        """Chooses one version of each scene for a rater, the same list every time.

        Half of the scenes with two versions are shown real and half completed.

        Args:
          rater: a name.
          seed: seed of the order, of all raters.
        """
        rng = random.Random(f"{seed} {rater}")
        scenes = list(self._scenes.values())
        rng.shuffle(scenes)
        pairs = [versions for versions in scenes if len({v.truth for v in versions}) == 2]
        real = (len(pairs) + rng.randrange(2)) // 2
        chosen = [versions[0] for versions in scenes if len({v.truth for v in versions}) == 1]
        for index, versions in enumerate(pairs):
            wanted = "real" if index < real else "completed"
            chosen.append(next(v for v in versions if v.truth == wanted))
        rng.shuffle(chosen)
        return chosen

    def png(self, picture: Picture) -> bytes:
        """Encodes a picture anew, so that all are sent alike: a PNG of nothing but pixels.

        Raises:
          UserError: the file has gone since it was checked.
        """
        pixels = self._pixels(picture)
        return cv2.imencode(".png", np.ascontiguousarray(pixels[..., ::-1]))[1].tobytes()

    def _pixels(self, picture: Picture) -> PixelImage:
        pixels = decode(picture.folder / picture.name)
        return pixels if self._size is None else middle_square(pixels, self._size)


def scene(name: str) -> str:
    """Returns what the names of a picture's versions have in common: all but the ending.

    Letters that Unicode can write in two ways are composed: Macs store them in two parts.
    """
    return unicodedata.normalize("NFC", PurePosixPath(name).with_suffix("").as_posix())


def _listed(truth: str, folder: Path) -> list[Picture]:
    left_out = LeftOut()
    names = pictures(str(folder), left_out=left_out)
    found = [Picture(truth, folder, name) for name in names]
    if not found:
        more = left_out.clause()
        raise UserError(f"--{truth} {folder}: no pictures in this folder{more}")
    left_out.report(f"--{truth} {folder}")
    for picture in found:
        if not picture.name.isprintable():
            raise UserError(f"{folder}: the name {picture.name!r} has a line break: rename it")
    first: dict[str, str] = {}
    for name in (picture.name for picture in found):
        if (shown := first.setdefault(scene(name), name)) != name:
            log.warning("--%s %s: %s is never shown: %s goes before it", truth, folder, name, shown)
    return found
