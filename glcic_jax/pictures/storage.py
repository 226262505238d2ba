"""Lists and reads the pictures below a folder, on a disk or in remote storage.

A root with "://" in it (gs://bucket/places2, s3://...) is remote. It is read by fsspec, which needs
a package for each kind of storage (requirements-remote.txt). Names are relative to the root, with
"/" between their parts.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from glcic_jax.pictures.decode import EXTENSIONS
from glcic_jax.pictures.left_out import LeftOut, is_picture
from glcic_jax.runtime.errors import UserError, one_line
from glcic_jax.runtime.extras import missing_extra


def pictures(
    root: str,
    folder: str = "",
    extensions: frozenset[str] = EXTENSIONS,
    left_out: LeftOut | None = None,
) -> Iterator[str]:
    """Yields the names of all pictures below root/folder, in a fixed order, as they are found.

    Files are not opened, and memory holds the names of one folder at a time. Links to folders are
    not followed. Names that begin with a dot are passed over.

    Args:
      root: a folder, or remote storage.
      folder: where to begin, relative to the root.
      extensions: the endings of pictures, in lower case.
      left_out: counts pictures of kinds that cannot be read, and links to folders.

    Raises:
      UserError: a folder is missing or cannot be read, or a name is not UTF-8.
    """
    folders, files = children(root, folder, left_out)
    for name in files:
        if is_picture(name, left_out, extensions):
            yield join_names(folder, name)
    for name in folders:
        yield from pictures(root, join_names(folder, name), extensions, left_out)


def no_folder(path: Path) -> str:
    """Returns a phrase on what a path is that should be a folder and is none."""
    return "a file, not a folder" if path.exists() else "no such folder"


def pictures_below(folder: Path, address: str, what: str = "pictures") -> list[str]:
    """Lists the pictures anywhere below a folder of this machine: relative POSIX paths, sorted.

    It passes over what `pictures` passes over, and logs a line about pictures that it leaves out.

    Args:
      folder: is searched with all folders in it.
      address: the folder as the user gave it, for messages.
      what: the kind of pictures that is looked for, for messages.

    Raises:
      UserError: the folder is missing or holds no pictures.
    """
    if not folder.is_dir():
        raise UserError(f"{address}: {no_folder(folder)}")
    left_out = LeftOut()
    names = sorted(pictures(str(folder), left_out=left_out))
    if not names:
        known = ", ".join(sorted(EXTENSIONS))
        raise UserError(f"{address}: no {what} ({known}) in this folder{left_out.clause()}")
    left_out.report(address)
    return names


def children(
    root: str, folder: str = "", left_out: LeftOut | None = None
) -> tuple[list[str], list[str]]:
    """Lists the folders, and all other names, that lie directly in root/folder. Both are sorted.

    Names that begin with a dot are passed over. Links to folders are among the other names, and
    `left_out` counts them.

    Raises:
      UserError: as in `pictures`.
    """
    folders, others = [], []
    with _storage_errors(join_names(root, folder)):
        listed = _remote(root, folder) if "://" in root else _local(root, folder)
        for name, is_folder, is_link in listed:
            if name.startswith("."):
                continue
            if left_out is not None:
                left_out.links += is_link
            if is_folder:
                folders.append(name)
            else:
                others.append(name)
    for name in (*folders, *others):
        if not name.isascii() and any("\ud800" <= letter <= "\udfff" for letter in name):
            where = join_names(root, folder)
            raise UserError(f"{where}: the name {name!r} is not UTF-8: rename it")
    return sorted(folders), sorted(others)


def read_bytes(root: str, name: str) -> bytes:
    """Reads one file.

    Raises:
      UserError: it is missing or cannot be read.
    """
    with _storage_errors(join_names(root, name)):
        if "://" not in root:
            return Path(root, name).read_bytes()
        storage, path = _storage(root)
        return storage.cat_file(join_names(path, name))


def exists(root: str, name: str) -> bool:
    """Returns whether there is a file or folder of this name.

    Raises:
      UserError: the storage cannot be reached.
    """
    with _storage_errors(root):
        if "://" not in root:
            return Path(root, name).exists()
        storage, path = _storage(root)
        return storage.exists(join_names(path, name))


def join_names(folder: str, name: str) -> str:
    """Returns the name, relative to the root, of something in a folder; "" stands for the root."""
    return f"{folder}/{name}" if folder and name else folder or name


def _local(root: str, folder: str) -> Iterator[tuple[str, bool, bool]]:
    """Yields the names in a folder of this machine; whether each is a folder, and a link to one."""
    with os.scandir(Path(root, folder)) as entries:
        for entry in entries:
            # A link is looked up only where its name is not a picture's: that takes time.
            linked = entry.is_symlink() and not is_picture(entry.name)
            is_link = linked and os.path.isdir(entry.path)  # noqa: PTH112 False for loops too
            yield entry.name, entry.is_dir(follow_symlinks=False), is_link


def _remote(root: str, folder: str) -> Iterator[tuple[str, bool, bool]]:
    """Yields the same of a folder of remote storage, which has no links."""
    storage, path = _storage(root)
    for entry in storage.ls(join_names(path, folder), detail=True):
        name = entry["name"].rstrip("/").rpartition("/")[2]
        # Some kinds of storage list a folder as an empty file within itself.
        if not entry["name"].endswith("/") or entry["type"] == "directory":
            yield name, entry["type"] == "directory", False


def _storage(root: str) -> tuple[Any, str]:
    """Returns fsspec's storage for a remote root, and the root's path in it."""
    try:
        import fsspec

        return fsspec.url_to_fs(root.rstrip("/"))
    except ImportError as error:
        raise missing_extra(f"{root}: {error}", "remote") from error
    except ValueError as error:  # no such kind
        raise UserError(f"{root}: {error}: see requirements-remote.txt") from error


@contextmanager
def _storage_errors(where: str) -> Iterator[None]:
    """Turns the errors of all kinds of storage into a UserError of one line."""
    try:
        yield
    except UserError:
        raise
    except FileNotFoundError as error:
        raise UserError(f"{where}: no such file or folder") from error
    except Exception as error:  # each kind of remote storage raises its own
        reason = getattr(error, "strerror", None) or one_line(error)
        raise UserError(f"{where}: {reason}") from error
