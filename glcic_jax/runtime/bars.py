"""Shows how far a command is: a bar in a terminal, a line now and then in a file."""

import sys
from collections.abc import Iterable, Sized
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tqdm import tqdm

OFTEN = 0.1
"""Seconds between two drawings of the bar in a terminal."""

SELDOM = 30.0
"""Seconds between two lines where nobody watches: a log of hours stays readable."""


def bar(
    pictures: Iterable[Any] | None = None,
    total: int | None = None,
    title: str | None = None,
    smoothing: float = 0.3,
) -> "tqdm":
    """Returns a bar that counts pictures on standard error.

    Where standard error is no terminal, the bar is written every SELDOM seconds and then at the
    end: what takes less writes nothing.

    Args:
      pictures: what is counted as it is iterated over; None = call `update` of the bar.
      total: how many pictures there are; by default as many as `pictures` has.
      title: stands before the bar.
      smoothing: of the speed, 0 = the mean so far, 1 = the latest.

    Example:
      for picture in bar(pictures, title="check"):
          ...
    """
    from tqdm import tqdm  # here, since a command on one picture need not wait for it

    if total is None and isinstance(pictures, Sized):
        total = len(pictures)
    often, delay = (OFTEN, 0) if sys.stderr.isatty() else (SELDOM, SELDOM)
    return tqdm(
        pictures, title, total, unit="picture", smoothing=smoothing, mininterval=often,
        maxinterval=100 * often, delay=delay,
    )  # fmt: skip
