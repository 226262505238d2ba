"""Finds each picture's own mask by its name. Needs no JAX."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

_ENDING = re.compile(r"_mask\d*$")


class Pairs(NamedTuple):
    """Masks by picture.

    found: the mask of each picture that has one.
    problems: a line for each picture that has none, or several.
    """

    found: dict[str, str]
    problems: dict[str, str]


def own_masks(pictures: Iterable[str], masks: Iterable[str]) -> Pairs:
    """Pairs pictures and masks by name.

    photo.jpg has the mask photo.png, or else photo_mask.png or photo_mask001.png (as LaMa's data
    sets have it), whatever the endings. Letters that Unicode can write in two ways are the same.

    Args:
      pictures: file names, or paths from a common folder; a path's folders belong to the name.
      masks: likewise, from the folder of masks.

    Example:
      own_masks(["a/cat.jpg"], ["a/cat_mask.png", "a/dog.png"]).found  # {"a/cat.jpg": ...}
    """
    plain, ending = defaultdict(list), defaultdict(list)
    for mask in masks:
        stem = _stem(mask)
        plain[stem].append(mask)
        if _ENDING.search(stem):
            ending[_ENDING.sub("", stem)].append(mask)
    found, problems = {}, {}
    for picture in pictures:
        stem = _stem(picture)
        own = plain.get(stem) or ending.get(stem, [])
        if len(own) == 1:
            found[picture] = own[0]
        elif own:
            shown = ", ".join(sorted(own)[:3])
            problems[picture] = f"holds {len(own)} masks for it ({shown}): keep one"
        else:
            shown = stem.rpartition("/")[2]
            problems[picture] = f"holds no mask {shown}.* or {shown}_mask.*"
    return Pairs(found, problems)


def _stem(name: str) -> str:
    """Returns a path without its ending, letters composed: Macs store them in two parts."""
    folder, slash, file = name.rpartition("/")
    stem = file.rpartition(".")[0] or file
    return unicodedata.normalize("NFC", folder + slash + stem)
