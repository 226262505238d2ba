"""Listing and reading pictures on disks and in remote storage."""

import os
from pathlib import Path

import pytest

from glcic_jax.pictures.storage import exists, pictures, read_bytes
from glcic_jax.prepare.layouts import LAYOUTS
from glcic_jax.runtime.errors import UserError

NAMES = ["a/1.jpg", "a/1.png", "a/b/3.JPEG", "a.b/2.tiff", "z.webp", "ü/東京.png"]


@pytest.fixture
def disk(tmp_path):
    for name in (*NAMES, "readme.txt", "jpg", ".hidden/1.jpg", "a/._1.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    return str(tmp_path)


@pytest.fixture
def remote(disk):
    fsspec = pytest.importorskip("fsspec", reason="pip install -r requirements-remote.txt")
    storage = fsspec.filesystem("memory")
    for path in filter(Path.is_file, Path(disk).rglob("*")):
        storage.pipe(f"/bucket/set/{path.relative_to(disk)}", path.read_bytes())
    yield "memory://bucket/set"
    storage.rm("/bucket", recursive=True)


def test_all_pictures_are_found_and_nothing_hidden(disk):
    assert sorted(pictures(disk)) == sorted(NAMES)
    assert list(pictures(disk)) == list(pictures(disk))
    assert list(pictures(disk, "a", frozenset({".png"}))) == ["a/1.png"]


def test_remote_storage_lists_and_reads_as_a_disk_does(disk, remote):
    assert list(pictures(remote)) == list(pictures(disk))
    assert list(pictures(remote, "a")) == list(pictures(disk, "a"))
    for name in NAMES:
        assert read_bytes(remote, name) == read_bytes(disk, name) == name.encode()
    for name in ("a", "a/1.jpg", "a/7.jpg", "b"):
        assert exists(remote, name) == exists(disk, name)


def test_a_layout_reads_remote_storage(remote):
    entries = list(LAYOUTS["folder"](remote))
    assert [entry.read().decode() for entry in entries] == [entry.name for entry in entries]
    with pytest.raises(UserError, match="no data_large .* found a/, a.b/, ü/"):
        LAYOUTS["places2"](remote)


def test_links_in_a_circle_are_not_followed(disk):
    Path(disk, "a", "loop").symlink_to(disk)
    assert sorted(pictures(disk)) == sorted(NAMES)


def test_what_cannot_be_read_is_refused_in_one_line(disk, remote, monkeypatch):
    for root in (disk, remote):
        with pytest.raises(UserError, match="a/7.jpg: no such file or folder"):
            read_bytes(root, "a/7.jpg")
        with pytest.raises(UserError, match="nowhere: no such file or folder"):
            list(pictures(root, "nowhere"))
    with pytest.raises(UserError, match="Is a directory"):
        read_bytes(disk, "a")
    with pytest.raises(UserError, match="Not a directory"):
        list(pictures(f"{disk}/readme.txt"))

    def closed(path, scandir=os.scandir):
        if path.name == "b":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    with pytest.raises(UserError, match="a/b: Permission denied"):
        list(pictures(disk))


def test_an_unknown_kind_of_storage_is_refused():
    with pytest.raises(UserError, match="nothing://x: .*see requirements-remote.txt"):
        list(pictures("nothing://x"))


def test_a_name_that_is_not_utf8_is_refused(disk):
    Path(disk, os.fsdecode(b"\xff.jpg")).touch()
    with pytest.raises(UserError, match="is not UTF-8: rename it"):
        list(pictures(disk))
