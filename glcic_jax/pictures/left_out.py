"""Counts what a listing of pictures leaves out and people may miss, and reports it in one line."""

import logging
from collections import Counter

from glcic_jax.pictures.decode import EXTENSIONS

log = logging.getLogger(__name__)

_ENDINGS = """
heic heif hif avif jxl jp2 j2k jpx jpf gif apng svg svgz pdf eps ai psd psb xcf kra
ico pcx tga dds exr hdr pnm pbm pgm ppm pfm dib wdp jxr mpo
dng cr2 cr3 crw nef nrw arw srf sr2 raf orf rw2 pef srw raw rwl 3fr iiq
"""

UNREAD = frozenset(f".{ending}" for ending in _ENDINGS.split()) - EXTENSIONS
"""The endings, in lower case, of pictures of kinds that a listing cannot take."""

SHARD = ".array_record"
"""The ending of shards, which `glcic_jax.prepare` writes."""


class LeftOut:
    """Counts what one listing leaves out. Files that are not pictures do not count.

    Attributes:
      endings: numbers of files by their ending, one of UNREAD.
      shards: the number of files of shards.
      links: the number of links to folders, which are not followed.
      folders: the number of folders that are not searched.
    """

    def __init__(self) -> None:
        self.endings: Counter[str] = Counter()
        self.shards = self.links = self.folders = 0

    def line(self) -> str:
        """Returns what was left out in one line; "" for nothing."""
        parts = []
        if self.endings:
            counts = ", ".join(f"{self.endings[name]:,} {name}" for name in sorted(self.endings))
            parts.append(f"{counts} left out: not read from folders, convert to PNG or JPEG")
        if self.shards:
            parts.append(
                f"{self.shards:,} {SHARD} left out: shards; training and evaluate --data read the "
                "folder that holds them, other commands need the pictures themselves"
            )
        if self.links:
            parts.append(f"links to folders are not followed ({self.links:,})")
        if self.folders:
            parts.append(f'folders in it are not searched ({self.folders:,}): "**/*" would do it')
        return "; ".join(parts)

    def clause(self) -> str:
        """Returns `line` as the end of a message, after a semicolon; "" for nothing."""
        line = self.line()
        return f"; {line}" if line else ""

    def report(self, where: str) -> None:
        """Logs `line` after the name of what was listed, if anything was left out."""
        if line := self.line():
            log.warning("%s: %s", where, line)


def is_picture(
    name: str, left_out: LeftOut | None = None, extensions: frozenset[str] = EXTENSIONS
) -> bool:
    """Returns whether a file counts as a picture by its ending, in capitals too.

    Args:
      name: the file's name.
      left_out: counts the file if it is a picture of a kind that cannot be taken, or a shard.
      extensions: the endings of pictures, in lower case.
    """
    ending = name[name.rfind(".") :].lower()
    if left_out is not None:
        if ending in UNREAD:
            left_out.endings[ending] += 1
        left_out.shards += ending == SHARD
    return ending in extensions
