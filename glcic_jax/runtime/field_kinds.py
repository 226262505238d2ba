"""Defines the kinds of values that fields of configs take. Needs no JAX."""

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

LARGEST = 2**31 - 1
"""The largest whole number where nothing else bounds it: updates are counted in int32."""


class Kind(Protocol):
    """Describes the values that a field takes; as text it completes "choose ..."."""

    def takes(self, value: Any) -> bool:
        """Returns whether the field can have this value."""
        ...


@dataclass(frozen=True)
class Whole:
    """Takes whole numbers from `least` to `most`."""

    least: int = 0
    most: int = LARGEST

    def takes(self, value: Any) -> bool:
        """Returns whether the value is one. True and False are none."""
        return type(value) is int and self.least <= value <= self.most

    def __str__(self) -> str:
        most = f"{self.most:,}" if self.most != LARGEST else None
        return f"a whole number, {_range(self.least, most)}"


@dataclass(frozen=True)
class Number:
    """Takes finite numbers from `least` to `most`, without these ends if they are open.

    Attributes:
      words: words that may stand in a number's place.
    """

    least: float = 0
    most: float | None = None
    open_ends: str = ""  # "least", "most" or "least most"
    words: tuple[str, ...] = ()

    def takes(self, value: Any) -> bool:
        """Returns whether the value is a number in the range, or one of the words."""
        if type(value) is str:
            return value in self.words
        if type(value) not in (int, float) or not math.isfinite(value):
            return False
        above = value > self.least if "least" in self.open_ends else value >= self.least
        if self.most is None:
            return above
        return above and (value < self.most if "most" in self.open_ends else value <= self.most)

    def __str__(self) -> str:
        ends = (f"{self.least:g}", None if self.most is None else f"{self.most:g}")
        words = "".join(f', or "{word}"' for word in self.words)
        return f"a number, {_range(*ends, open_ends=self.open_ends)}{words}"


@dataclass(frozen=True)
class Word:
    """Takes one of some words.

    Attributes:
      words: these.
      others: for words that one might look for among them, a phrase on what there is instead.
    """

    words: tuple[str, ...]
    others: Mapping[str, str] = field(default_factory=dict)

    def takes(self, value: Any) -> bool:
        """Returns whether the value is one of them."""
        return type(value) is str and value in self.words

    def hint(self, value: Any) -> str:
        """Returns a phrase on what a word that it does not take may mean; "" = nobody knows."""
        if not isinstance(value, str):
            return ""
        nearest = difflib.get_close_matches(value.lower(), self.words, n=1)
        return self.others.get(value.lower(), f"the nearest is {nearest[0]}" if nearest else "")

    def __str__(self) -> str:
        return " or ".join(self.words)


@dataclass(frozen=True)
class Text:
    """Takes any text, such as a path."""

    def takes(self, value: Any) -> bool:
        """Returns whether the value is a text without line ends and other control characters."""
        return type(value) is str and (not value or value.isprintable())

    def __str__(self) -> str:
        return "a text in one line"


@dataclass(frozen=True)
class Switch:
    """Takes True and False."""

    def takes(self, value: Any) -> bool:
        """Returns whether the value is one of the two."""
        return type(value) is bool

    def __str__(self) -> str:
        return "True or False"


@dataclass(frozen=True)
class Several:
    """Takes tuples and lists of certain lengths.

    Attributes:
      each: what every item is.
      lengths: the numbers of items that are allowed.
      ordered: whether no item may be smaller than the one before it.
      distinct: whether no two items may be equal.
    """

    each: Kind
    lengths: tuple[int, ...]
    ordered: bool = False
    distinct: bool = False

    def takes(self, value: Any) -> bool:
        """Returns whether the value has such a length and such items."""
        if type(value) not in (tuple, list) or len(value) not in self.lengths:
            return False
        if not all(self.each.takes(item) for item in value):
            return False
        if self.distinct and len(set(value)) < len(value):
            return False
        return not self.ordered or list(value) == sorted(value)

    def __str__(self) -> str:
        lengths = " or ".join(map(str, self.lengths))
        if len(self.lengths) > 3:
            lengths = f"{min(self.lengths)} to {max(self.lengths)}"
        order = ", ascending" if self.ordered else ", each once" if self.distinct else ""
        return f"{lengths} values in brackets{order}, each {self.each}"


def _range(least: Any, most: Any, open_ends: str = "") -> str:
    above = f"above {least}" if "least" in open_ends else f"{least} or more"
    if most is None:
        return above
    if open_ends:
        return f"{above} and {'below' if 'most' in open_ends else 'at most'} {most}"
    return f"{least} to {most}"
