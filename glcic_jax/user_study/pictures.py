"""The pictures of a user study, in the order in which each rater sees them."""

from __future__ import annotations

import random
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
from tqdm import tqdm

from glcic_jax.pictures.decode import decode
from glcic_jax.pictures.resize import middle_square
from glcic_jax.pictures.storage import pictures
from glcic_jax.runtime.errors import UserError
from glcic_jax.user_study.answers import KINDS

if TYPE_CHECKING:
    from glcic_jax.types import PixelImage


class Picture(NamedTuple):
    """A file and what it is: one of KINDS."""

    truth: str
    folder: Path
    name: str


class Pictures:
    """Real and completed pictures.

    Two of the same name but for its ending (real a/b.jpg, completed a/b.png) are versions of one
    scene, of which a rater sees one only: having seen both, nobody is unprejudiced any more.

    Args:
      real: folder, searched through.
      completed: folder, searched through.
      size: every picture is scaled to this shortest edge, and its middle square shown; None = as
        it is.

    Raises:
      UserError: the same folder twice, a missing or empty one, a picture that cannot be read, or
        sizes by which real and completed pictures could be told apart.
    """

    def __init__(self, real: Path, completed: Path, size: int | None = None) -> None:
        if real.resolve() == completed.resolve():
            raise UserError(f"--real and --completed are both {real}: give two folders")
        self._size = size
        self._scenes: dict[str, list[Picture]] = {}
        listed = [_listed(*pair) for pair in zip(KINDS, (real, completed), strict=True)]
        for picture in (picture for kind in listed for picture in kind):
            self._scenes.setdefault(scene(picture.name), []).append(picture)
        self.counts = tuple(len(kind) for kind in listed)
        self._check([picture for kind in listed for picture in kind])

    def __len__(self) -> int:
        """Scenes, which is how many pictures a rater is shown."""
        return len(self._scenes)

    def _check(self, every: list[Picture]) -> None:
        sizes: dict[str, dict[tuple[int, int], Picture]] = {truth: {} for truth in KINDS}
        for picture in tqdm(every, desc="checking", unit="picture", disable=None):
            height, width = self._pixels(picture).shape[:2]
            sizes[picture.truth][width, height] = picture
        for truth, other in (KINDS, KINDS[::-1]):
            for (width, height), picture in sizes[truth].items():
                if (width, height) not in sizes[other]:
                    raise UserError(
                        f"{picture.folder / picture.name} is {width}x{height} pixels, as no "
                        f"{other} picture is: raters could tell by the size; give --size"
                    )

    def order(self, rater: str, seed: int) -> list[Picture]:
        """What a rater is shown: one version of each scene, the same list every time.

        Of the scenes with two versions, half are shown real and half completed.
        """
        rng = random.Random(f"{seed} {rater}")
        scenes = list(self._scenes.values())
        rng.shuffle(scenes)
        pairs = [versions for versions in scenes if len({v.truth for v in versions}) == 2]
        real = (len(pairs) + rng.randrange(2)) // 2
        chosen = [versions[0] for versions in scenes if len({v.truth for v in versions}) == 1]
        for index, versions in enumerate(pairs):
            wanted = KINDS[index >= real]
            chosen.append(next(v for v in versions if v.truth == wanted))
        rng.shuffle(chosen)
        return chosen

    def png(self, picture: Picture) -> bytes:
        """The picture as every other is sent: encoded anew, nothing but pixels.

        Raises:
          UserError: the file has gone since it was checked.
        """
        pixels = self._pixels(picture)
        return cv2.imencode(".png", np.ascontiguousarray(pixels[..., ::-1]))[1].tobytes()

    def _pixels(self, picture: Picture) -> PixelImage:
        pixels = decode(picture.folder / picture.name)
        return pixels if self._size is None else middle_square(pixels, self._size)


def scene(name: str) -> str:
    """What the versions of a picture have in common: the name without its ending."""
    return PurePosixPath(name).with_suffix("").as_posix()


def _listed(truth: str, folder: Path) -> list[Picture]:
    found = [Picture(truth, folder, name) for name in pictures(str(folder))]
    if not found:
        raise UserError(f"--{truth} {folder}: no pictures in this folder")
    for picture in found:
        if not picture.name.isprintable():
            raise UserError(f"{folder}: the name {picture.name!r} has a line break: rename it")
    return found
