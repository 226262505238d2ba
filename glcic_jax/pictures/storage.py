"""Names and bytes of the pictures below a folder, on a disk or in remote storage.

A root with "://" in it (gs://bucket/places2, s3://...) is remote and goes through fsspec, which
needs a package for each kind of storage (requirements-remote.txt). Names are relative to the root,
with "/" between their parts.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from glcic_jax.pictures.decode import EXTENSIONS
from glcic_jax.runtime.errors import UserError


def pictures(root: str, folder: str = "", extensions: frozenset[str] = EXTENSIONS) -> Iterator[str]:
    """Names of all pictures below root/folder, in a fixed order, one by one as they are found.

    Nothing is asked of a file but its name, and one folder's names at a time are held. Links to
    folders are not followed; names that begin with a dot are passed over.

    Raises:
      UserError: a folder is missing or cannot be read, or a name is not UTF-8.
    """
    folders, files = children(root, folder)
    for name in files:
        if name[name.rfind(".") :].lower() in extensions:
            yield joined(folder, name)
    for name in folders:
        yield from pictures(root, joined(folder, name), extensions)


def pictures_below(folder: Path, shown: str, what: str = "pictures") -> list[str]:
    """Lists the pictures anywhere below a folder of this machine: relative POSIX paths, in order.

    Names that begin with a dot are passed over, folders' too, and so is what `pictures` passes
    over.

    Args:
      folder: is searched recursively.
      shown: the folder as the user knows it, for messages.
      what: is looked for, for messages.

    Raises:
      UserError: no such folder, or none in it.
    """
    if not folder.is_dir():
        raise UserError(f"{shown}: no such folder")
    names = sorted(pictures(str(folder)))
    if not names:
        raise UserError(f"{shown}: no {what} ({', '.join(sorted(EXTENSIONS))}) in this folder")
    return names


def children(root: str, folder: str = "") -> tuple[list[str], list[str]]:
    """Names of the folders and of everything else directly in root/folder, sorted.

    Raises:
      UserError: as `pictures`.
    """
    folders, others = [], []
    with _one_line(joined(root, folder)):
        for name, is_folder in _remote(root, folder) if "://" in root else _local(root, folder):
            if not name.startswith("."):
                (folders if is_folder else others).append(name)
    for name in (*folders, *others):
        if not name.isascii() and any("\ud800" <= letter <= "\udfff" for letter in name):
            raise UserError(f"{joined(root, folder)}: the name {name!r} is not UTF-8: rename it")
    return sorted(folders), sorted(others)


def read(root: str, name: str) -> bytes:
    """The bytes of one file.

    Raises:
      UserError: it is missing or cannot be read.
    """
    with _one_line(joined(root, name)):
        if "://" not in root:
            return Path(root, name).read_bytes()
        storage, path = _storage(root)
        return storage.cat_file(joined(path, name))


def exists(root: str, name: str) -> bool:
    """Whether there is a file or folder of this name.

    Raises:
      UserError: the storage cannot be reached.
    """
    with _one_line(root):
        if "://" not in root:
            return Path(root, name).exists()
        storage, path = _storage(root)
        return storage.exists(joined(path, name))


def joined(folder: str, name: str) -> str:
    """The name of something in a folder; "" stands for the root."""
    return f"{folder}/{name}" if folder and name else folder or name


def _local(root: str, folder: str) -> Iterator[tuple[str, bool]]:
    with os.scandir(Path(root, folder)) as entries:
        for entry in entries:
            yield entry.name, entry.is_dir(follow_symlinks=False)


def _remote(root: str, folder: str) -> Iterator[tuple[str, bool]]:
    storage, path = _storage(root)
    for entry in storage.ls(joined(path, folder), detail=True):
        name = entry["name"].rstrip("/").rpartition("/")[2]
        # Some kinds of storage list a folder as an empty file within itself.
        if not entry["name"].endswith("/") or entry["type"] == "directory":
            yield name, entry["type"] == "directory"


def _storage(root: str) -> tuple[Any, str]:
    try:
        import fsspec

        return fsspec.url_to_fs(root.rstrip("/"))
    except (ImportError, ValueError) as error:  # the package is missing; no such kind
        raise UserError(f"{root}: {error}: see requirements-remote.txt") from error


@contextmanager
def _one_line(where: str) -> Iterator[None]:
    try:
        yield
    except UserError:
        raise
    except FileNotFoundError as error:
        raise UserError(f"{where}: no such file or folder") from error
    except Exception as error:  # each kind of remote storage raises its own
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())[:200]
        raise UserError(f"{where}: {reason or type(error).__name__}") from error
