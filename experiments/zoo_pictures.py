"""Keeps the latest sample grids of runs beside the zoo's page, for readers who have no runs."""

import os
import re
from pathlib import Path

import cv2

from glcic_jax.pictures.decode import decode
from glcic_jax.runtime.disk import write_whole
from glcic_jax.runtime.errors import UserError

QUALITY = 75
"""Quality of the JPEG files, in percent."""


class Gallery:
    """Copies sample grids into a folder, as JPEG, and links them from a page.

    Attributes:
      page: the file of the page.
      folder: where the pictures are written; None to link none, and to name their files instead.
    """

    def __init__(self, page: Path, folder: Path | None = None):
        self.page, self.folder = page, folder
        self._taken: dict[str, str] = {}

    def show(self, name: str, grid: Path | None) -> str:
        """Copies a grid of a network and returns its link, as Markdown; "" if there is no grid.

        Raises:
          UserError: the grid is no picture, or another network's file has its name.
        """
        if grid is None:
            return ""
        if self.folder is None:
            return f"`{'/'.join(grid.parts[-3:])}`"
        file = re.sub(r"[^\w.+-]", "_", name) + ".jpg"
        if (other := self._taken.setdefault(file, name)) != name:
            raise UserError(f'"{other}" and "{name}" would both be {file}: rename one')
        bgr = cv2.cvtColor(decode(grid), cv2.COLOR_RGB2BGR)
        _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        self.folder.mkdir(parents=True, exist_ok=True)
        write_whole(self.folder / file, data.tobytes())
        link = os.path.relpath(self.folder / file, self.page.parent)
        return f"[{file}]({link})"
