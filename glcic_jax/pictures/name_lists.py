"""Reads text files that list pictures by name, as every system writes them. Needs no JAX."""

import codecs
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable

from glcic_jax.runtime.errors import UserError

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def list_lines(data: bytes, where: str) -> list[str]:
    """Returns the lines of a text file without the blank ones, and without space around them.

    The text is UTF-8, with or without a byte order mark, or UTF-16 with one, as Windows writes it.
    Lines end in LF, CRLF or CR.

    Args:
      data: the file.
      where: names the file in messages.

    Raises:
      UserError: it is not such a text.
    """
    utf16 = data.startswith(_UTF16) and len(data) > 2
    try:
        text = data.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise UserError(f"{where}: not a list of names: not UTF-8 text, save it as UTF-8")
    return [line.strip() for line in re.split(r"[\r\n]+", text) if line.strip()]


def plain_name(line: str) -> str:
    r"""Returns a listed name as our listings write it: "/" for "\", no "./" before it, NFC."""
    name = line.replace("\\", "/")
    while name.startswith("./"):
        name = name[2:].lstrip("/")
    return unicodedata.normalize("NFC", name)


class NamesByLine:
    """Finds the files that the lines of a list stand for."""

    def __init__(self, names: Iterable[str]) -> None:
        """Takes all names that there are, relative, with "/" between their parts."""
        self._names = set(names)
        self._plain: dict[str, list[str]] = defaultdict(list)
        for name in self._names:
            self._plain[unicodedata.normalize("NFC", name)].append(name)

    def find(self, line: str) -> list[str]:
        r"""Returns the names of a line: none, one, or for a line "FOLDER/" all below the folder.

        A name as it stands goes before all else. Otherwise "\" is "/", "./" at the beginning does
        not count, and letters that Unicode can write in two ways are the same.

        Raises:
          UserError: two names differ only in how Unicode writes them, and the line fits neither
            letter for letter.
        """
        if line in self._names:
            return [line]
        plain = plain_name(line)
        if plain.endswith("/"):
            folder = plain.rstrip("/") + "/"
            below = (own for name, own in self._plain.items() if name.startswith(folder))
            return sorted(name for own in below for name in own)
        own = self._plain.get(plain, [])
        if len(own) > 1:
            raise UserError(f"{line} is the name of {len(own)} files in Unicode: rename one")
        return list(own)
