"""The answers of a user study: one CSV that survives kill -9, and the shares they come to."""

import csv
import fcntl
import io
import os
import threading
from collections.abc import Iterable
from datetime import UTC, datetime
from math import sqrt
from pathlib import Path
from typing import NamedTuple

from glcic_jax.runtime.errors import UserError

KINDS = ("real", "completed")
"""What a picture is, and what a rater may say that it is."""

Z = 1.959964
"""Standard deviations of a normal distribution that hold its middle 95 %."""


class Answer(NamedTuple):
    """A line of the file, in the order of its columns.

    Attributes:
      time: of the answer, UTC, ISO 8601.
      rater: who answered.
      picture: relative name of the file, within its own folder.
      truth: one of KINDS.
      answer: one of KINDS.
      seconds: from seeing the picture to the answer, as the browser took it; "" = not told.
    """

    time: str
    rater: str
    picture: str
    truth: str
    answer: str
    seconds: str


def _line(cells: Iterable[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().encode()


HEADER = _line(Answer._fields)


class AnswerFile:
    """The CSV of a study, which one process holds and any number of its threads append to.

    Every line is on the disk before `add` returns. A last line without an end, torn by a kill or a
    power cut, is taken off when the file is opened again.

    Raises:
      UserError: the file cannot be written, is held by another process, or is no study's.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, threading.Lock()
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        except OSError as error:
            raise UserError(f"{path}: cannot write there ({error.strerror})") from error
        try:
            self._hold()
        except BaseException:
            os.close(self._file)
            raise

    def _hold(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise UserError(
                f"{self._path}: another study writes there: end it, or choose another --answers"
            ) from error
        answers, whole = _parsed(self._path)
        self._seen = {(answer.rater, answer.picture) for answer in answers}
        os.ftruncate(self._file, whole)
        if not whole:
            self._append(HEADER)

    def seen(self, rater: str) -> set[str]:
        """Names of the pictures that this rater has judged."""
        with self._lock:
            return {picture for name, picture in self._seen if name == rater}

    def add(self, rater: str, picture: str, truth: str, answer: str, seconds: str) -> None:
        """Appends an answer; a second one of this rater to this picture is dropped.

        Raises:
          OSError: it could not be written, and the file is as it was.
        """
        now = datetime.now(UTC).isoformat(timespec="seconds")
        with self._lock:
            if (rater, picture) not in self._seen:
                self._append(_line(Answer(now, rater, picture, truth, answer, seconds)))
                self._seen.add((rater, picture))

    def _append(self, line: bytes) -> None:
        before = os.fstat(self._file).st_size
        try:
            if os.write(self._file, line) < len(line):
                raise OSError("the disk is full")
            os.fsync(self._file)
        except OSError:
            os.ftruncate(self._file, before)
            raise

    def close(self) -> None:
        """Waits for an answer that is being written, and lets go of the file."""
        with self._lock:
            os.close(self._file)
            self._file = -1  # its number may soon be another file's


def read_answers(path: Path) -> list[Answer]:
    """All whole lines of a study's file, also while a study is running.

    Raises:
      UserError: it cannot be read, or is no study's.
    """
    return _parsed(path)[0]


def _parsed(path: Path) -> tuple[list[Answer], int]:
    """The answers, and the bytes up to the end of the last whole line."""
    try:
        data = path.read_bytes()
        whole = data.rfind(b"\n") + 1
        rows = list(csv.reader(io.StringIO(data[:whole].decode(), newline=""), strict=True))
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: no answers of a study: {error}") from error
    if not HEADER.startswith(data[: len(HEADER)]):
        raise UserError(f"{path}: no answers of a study: its first line is another")
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(Answer._fields) or not {row[3], row[4]} <= set(KINDS):
            raise UserError(f"{path}: line {number} is no answer: mend or remove it")
    return [Answer(*row) for row in rows[1:]], whole


def wilson(count: int, total: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927): it stays within [0, 1] and holds for few answers.

    Raises:
      ValueError: of no answers there is no share.
    """
    if not total:
        raise ValueError("no answers")
    share, spread = count / total, Z**2 / total
    middle = (share + spread / 2) / (1 + spread)
    half = Z / (1 + spread) * sqrt(share * (1 - share) / total + spread / (4 * total))
    return middle - half, middle + half


def report(answers: Iterable[Answer]) -> str:
    """The share of real and of completed pictures taken for real, by rater and together: text."""
    answers = list(answers)
    raters = sorted({answer.rater for answer in answers})
    groups = [(rater, [a for a in answers if a.rater == rater]) for rater in raters]
    groups.append(("all together", answers))
    width = max(len("taken for real, 95 %"), *(len(name) for name, _ in groups))
    lines = [f"{'taken for real, 95 %':<{width}}  {'real pictures':>30}  {'completed ones':>30}"]
    for name, group in groups:
        cells = [_share(group, truth) for truth in KINDS]
        lines.append(f"{name:<{width}}  {cells[0]:>30}  {cells[1]:>30}")
    return "\n".join(lines)


def _share(answers: list[Answer], truth: str) -> str:
    told = [answer.answer for answer in answers if answer.truth == truth]
    if not told:
        return "-"
    count = told.count("real")
    low, high = wilson(count, len(told))
    share = f"{100 * count / len(told):.1f} % [{100 * low:.1f}, {100 * high:.1f}]"
    return f"{count}/{len(told)} {share}"
