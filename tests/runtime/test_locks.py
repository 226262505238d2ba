"""Files are locked for one process, on POSIX and, as far as a stand-in shows, on Windows."""

import os
import sys
from types import SimpleNamespace

import pytest

from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.locks import LOCKED_BYTE, lock_file
from glcic_jax.user_study.answers import AnswerFile


class Msvcrt(SimpleNamespace):
    """Locks bytes as Windows' C library does: from the position on, without looking at the end."""

    LK_NBLCK = 2

    def __init__(self):
        super().__init__(held=set())

    def locking(self, file, mode, count):
        assert (mode, count) == (self.LK_NBLCK, 1)
        state = os.fstat(file)
        place = (state.st_ino, os.lseek(file, 0, os.SEEK_CUR))
        if place in self.held:
            raise PermissionError(13, "Permission denied")
        self.held.add(place)


@pytest.fixture(params=["linux", "win32"])
def system(request, monkeypatch):
    if request.param == "win32":
        monkeypatch.setattr(sys, "platform", "win32")
        monkeypatch.setitem(sys.modules, "msvcrt", Msvcrt())
        monkeypatch.setitem(sys.modules, "fcntl", None)
    elif sys.platform == "win32":
        pytest.skip("there is no fcntl")
    return request.param


def test_one_descriptor_locks_a_file_and_no_other_does(system, tmp_path):
    path, other = tmp_path / "a", tmp_path / "b"
    with path.open("w") as first, path.open("w") as second, other.open("w") as third:
        assert lock_file(first.fileno())
        assert not lock_file(second.fileno())
        assert lock_file(third.fileno())
    assert path.read_bytes() == b""
    assert LOCKED_BYTE > 2**30  # behind all that is read while the file is locked


def test_a_study_writes_below_its_header_whatever_the_lock_did_to_the_position(system, tmp_path):
    path = tmp_path / "answers.csv"
    answers = AnswerFile(path)
    answers.add("ann", "a.png", "real", "completed", "1.5")
    with pytest.raises(UserError, match="another study writes there"):
        AnswerFile(path)
    answers.close()
    assert [line.partition(",")[2] for line in path.read_text().splitlines()] == [
        "rater,picture,truth,answer,seconds",
        "ann,a.png,real,completed,1.5",
    ]


def test_a_study_on_a_disk_without_locks_is_refused(monkeypatch, tmp_path):
    def no_locks(file):
        raise OSError(37, "No locks available")

    monkeypatch.setattr("glcic_jax.user_study.answers.lock_file", no_locks)
    with pytest.raises(UserError, match="cannot lock it .No locks available.: put --answers on"):
        AnswerFile(tmp_path / "answers.csv")
