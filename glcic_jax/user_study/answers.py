"""Keeps a user study's answers in a CSV file that survives kill -9, and computes their shares."""

import csv
import io
import os
import threading
from collections.abc import Iterable
from datetime import UTC, datetime
from math import sqrt
from pathlib import Path
from typing import NamedTuple

from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.locks import lock_file

TRUTHS = ("real", "completed")
"""The two things that a picture can be, and that a rater can take it for."""

OPEN = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
"""How the file is opened. Without O_BINARY Windows would write other ends of lines."""

Z = 1.959964
"""Standard deviations of a normal distribution that hold its middle 95 %."""


class Answer(NamedTuple):
    """Holds a line of the file, in the order of its columns.

    Attributes:
      time: time of the answer, UTC, ISO 8601.
      rater: name of the person who answered.
      picture: relative name of the file, within its own folder.
      truth: what the picture is, one of TRUTHS.
      answer: what the rater took it for, one of TRUTHS.
      seconds: time from seeing the picture to the answer, measured by the browser; "" = unknown.
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
    """Appends to the CSV of a study; one process holds it, and any of its threads may append.

    Every line is on the disk before `add` returns. A last line without an end, torn by a kill or a
    power cut, is removed when the file is opened again.

    Args:
      path: the file, which is made if it is not there.

    Raises:
      UserError: the file cannot be written, is held by another process, or is not a study's.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, threading.Lock()
        try:
            self._file = os.open(path, OPEN, 0o644)
        except OSError as error:
            raise UserError(f"{path}: cannot write there ({error.strerror})") from error
        try:
            self._hold()
        except BaseException:
            os.close(self._file)
            raise

    def _hold(self) -> None:
        """Locks the file, reads what it holds, and removes a torn last line."""
        try:
            alone = lock_file(self._file)
        except OSError as error:
            raise UserError(
                f"{self._path}: cannot lock it ({error.strerror}): put --answers on another disk"
            ) from error
        if not alone:
            raise UserError(
                f"{self._path}: another study writes there: end it, or choose another --answers"
            )
        answers, whole = _parsed(self._path)
        self._seen = {(answer.rater, answer.picture) for answer in answers}
        os.ftruncate(self._file, whole)
        if not whole:
            self._append(HEADER)

    def seen(self, rater: str) -> set[str]:
        """Returns the names of the pictures that this rater has judged."""
        with self._lock:
            return {picture for name, picture in self._seen if name == rater}

    def add(self, rater: str, picture: str, truth: str, answer: str, seconds: str) -> None:
        """Appends an answer; a second one of the same rater about the same picture is dropped.

        Args:
          rater: name of the person who answered.
          picture: relative name of the picture.
          truth: one of TRUTHS.
          answer: one of TRUTHS.
          seconds: as in `Answer`.

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
        """Waits for an answer that is being written, and closes the file."""
        with self._lock:
            os.close(self._file)
            self._file = -1  # its number may soon be another file's


def read_answers(path: Path) -> list[Answer]:
    """Reads all whole lines of a study's file, also while the study is running.

    Raises:
      UserError: it cannot be read, or is not a study's.
    """
    return _parsed(path)[0]


def _parsed(path: Path) -> tuple[list[Answer], int]:
    """Reads the answers; also returns the number of bytes up to the end of the last whole line."""
    try:
        data = path.read_bytes()
        whole = data.rfind(b"\n") + 1
        rows = list(csv.reader(io.StringIO(data[:whole].decode(), newline=""), strict=True))
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: not the answers of a study: {error}") from error
    if not HEADER.startswith(data[: len(HEADER)]):
        raise UserError(f"{path}: not the answers of a study: its first line is different")
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(Answer._fields) or not {row[3], row[4]} <= set(TRUTHS):
            raise UserError(f"{path}: line {number} is not an answer: mend or remove it")
    return [Answer(*row) for row in rows[1:]], whole


def wilson(count: int, total: int) -> tuple[float, float]:
    """Computes the 95 % interval of a share (Wilson 1927), which is good for few answers too.

    Args:
      count: answers of one kind.
      total: all answers.

    Returns:
      The lower and the upper end, in [0, 1].

    Raises:
      ValueError: there are no answers, so there is no share.
    """
    if not total:
        raise ValueError("no answers")
    share, spread = count / total, Z**2 / total
    middle = (share + spread / 2) / (1 + spread)
    half = Z / (1 + spread) * sqrt(share * (1 - share) / total + spread / (4 * total))
    return middle - half, middle + half


def report(answers: Iterable[Answer]) -> str:
    """Writes the shares of real and of completed pictures taken for real, by rater and of all."""
    answers = list(answers)
    raters = sorted({answer.rater for answer in answers})
    groups = [(rater, [a for a in answers if a.rater == rater]) for rater in raters]
    groups.append(("all together", answers))
    width = max(len("taken for real, 95 %"), *(len(name) for name, _ in groups))
    lines = [f"{'taken for real, 95 %':<{width}}  {'real pictures':>30}  {'completed ones':>30}"]
    for name, group in groups:
        cells = [_share(group, truth) for truth in TRUTHS]
        lines.append(f"{name:<{width}}  {cells[0]:>30}  {cells[1]:>30}")
    return "\n".join(lines)


def _share(answers: list[Answer], truth: str) -> str:
    judged = [answer.answer for answer in answers if answer.truth == truth]
    if not judged:
        return "-"
    count, total = judged.count("real"), len(judged)
    low, high = wilson(count, total)
    return f"{count}/{total} {100 * count / total:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"
