"""Reads the clicks and scribbles that are sent with a picture."""

# pyright: reportMissingImports=false

from __future__ import annotations

import json
from typing import Any

from glcic_jax.demo.guard import DemoRefusal
from glcic_jax.masks.select import Mark

MOST_MARKS, MOST_POINTS = 64, 4096
"""Clicks and scribbles of a request, and points of all of them."""

WIDEST = 10_000
"""Pixels of a scribble's stroke."""

FARTHEST = 1e6
"""Pixels; no picture is as large, and no number that JSON holds gets by."""

EXAMPLE = '[{"inside": true, "points": [[40, 60]]}]'


def read_marks(text: str) -> tuple[Mark, ...]:
    """Reads marks.

    Args:
      text: JSON, a list of {"inside": true or false, "points": [[x, y], ...]}, perhaps with a
        "width".

    Raises:
      DemoRefusal: it is something else, too many, or has no mark inside.
    """
    try:
        sent = json.loads(text)
    except (ValueError, RecursionError):
        sent = None
    if not isinstance(sent, list) or not 1 <= len(sent) <= MOST_MARKS:
        raise DemoRefusal(400, f"marks: give a list of 1 to {MOST_MARKS}, such as {EXAMPLE}")
    marks = tuple(_mark(one) for one in sent)
    if sum(len(mark.points) for mark in marks) > MOST_POINTS:
        raise DemoRefusal(400, f"marks: give at most {MOST_POINTS:,} points in all")
    if not any(mark.inside for mark in marks):
        raise DemoRefusal(400, "marks: one at least must be inside the thing")
    return marks


def _mark(sent: Any) -> Mark:
    inside = sent.get("inside") if isinstance(sent, dict) else None
    points = sent.get("points") if isinstance(sent, dict) else None
    if not isinstance(inside, bool) or not isinstance(points, list) or not points:
        raise DemoRefusal(400, f"marks: each has inside and points, such as {EXAMPLE}")
    width = sent.get("width", 1)
    if not _is_number(width) or not 0 < width <= WIDEST:
        raise DemoRefusal(400, f"marks: a width is above 0, and {WIDEST} at most")
    pairs = [point for point in points if isinstance(point, list) and len(point) == 2]
    if len(pairs) < len(points) or not all(_is_number(x) for pair in pairs for x in pair):
        raise DemoRefusal(400, f"marks: a point is [x, y] in pixels, such as {EXAMPLE}")
    return Mark(inside, tuple((x, y) for x, y in pairs), width)


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return -FARTHEST < value < FARTHEST
