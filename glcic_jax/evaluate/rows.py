"""Finds the rows of a report that a pattern stands for."""

import re
from collections.abc import Iterable

Rows = dict[tuple[str, ...], str]
"""Names of rows by what the stars of a pattern stand for in them, such as their seed."""


def is_pattern(text: str) -> bool:
    """Returns whether a text may stand for several rows."""
    return "*" in text


def rows_like(pattern: str, names: Iterable[str]) -> Rows:
    """Returns the rows that a pattern stands for, ordered by what its stars stand for.

    A star stands for any letters or none, "/" among them; nothing else is special. A pattern that
    is the name of a row stands for that row alone.

    Example:
      rows_like("runs/a/*", ["runs/a/seed1", "runs/a/seed0", "runs/b/seed0"])
      # {("seed0",): "runs/a/seed0", ("seed1",): "runs/a/seed1"}

    Args:
      pattern: as the user wrote it.
      names: of all rows of a report.

    Returns:
      The rows; empty where there is none.
    """
    known = list(names)
    if pattern in known:
        return {(): pattern}
    form = re.compile(re.escape(pattern).replace(r"\*", "(.*)"), re.DOTALL)
    found = {match.groups(): name for name in known if (match := form.fullmatch(name))}
    return dict(sorted(found.items()))
