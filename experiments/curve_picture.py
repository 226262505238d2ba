"""Draws the scores of experiments.texture_curve: sharpness against nearness, a panel for each."""

from typing import NamedTuple

import cv2
import numpy as np

from glcic_jax.texture.mixing import SHARE
from glcic_jax.types import PixelImage

PANEL, MARGIN = 300, 58
"""Edge of a panel's area and the space around it, pixels."""

NEAR = ("hole_l1", "L1 x100")
"""What runs to the right, and its name."""

SHARP = (("lpips", "LPIPS x100"), ("st_lpips", "ST-LPIPS x100"))
"""What runs upwards, a row of panels each."""

_LINE = 14
"""Height of a line of text, pixels."""

BLACK, GREY, BLUE, RED = (0, 0, 0), (190, 190, 190), (31, 90, 180), (190, 40, 30)


class Point(NamedTuple):
    """Holds the means of a method over all pictures."""

    method: str
    near: float
    sharp: float


def draw(rows: list[dict[str, str]]) -> PixelImage:
    """Draws a column of panels for each set of masks: lower is sharper, to the left is nearer.

    Args:
      rows: as `texture_curve.measure` returns them.
    """
    sets = list(dict.fromkeys(row["masks"] for row in rows))
    panels = [
        [_panel(_points(rows, masks, metric), masks.split("_")[0], name) for masks in sets]
        for metric, name in SHARP
    ]
    return np.concatenate([np.concatenate(row, axis=1) for row in panels])


def _points(rows: list[dict[str, str]], masks: str, metric: str) -> list[Point]:
    own = [row for row in rows if row["masks"] == masks]
    found = []
    for method in dict.fromkeys(row["method"] for row in own):
        pairs = [(float(r[NEAR[0]]), float(r[metric])) for r in own if r["method"] == method]
        found.append(Point(method, *(100 * np.mean(pairs, axis=0))))
    return found


def _panel(points: list[Point], title: str, name: str) -> PixelImage:
    """Draws one panel: the mixtures joined by a line, other methods as red dots."""
    edge = PANEL + 2 * MARGIN
    canvas = np.full((edge, edge, 3), 255, np.uint8)
    values = np.array([point[1:] for point in points])
    least, most = values.min(axis=0), values.max(axis=0)
    space = 0.1 * (most - least) + 1e-9
    least, most = least - space, most + space

    def at(near: float, sharp: float) -> tuple[int, int]:
        x, y = (np.array([near, sharp]) - least) / (most - least)
        return MARGIN + round(PANEL * x), MARGIN + round(PANEL * (1 - y))

    cv2.rectangle(canvas, (MARGIN, MARGIN), (MARGIN + PANEL, MARGIN + PANEL), GREY)
    for axis in (0, 1):
        for value in _ticks(least[axis], most[axis]):
            x, y = at(*((value, least[1]) if axis == 0 else (least[0], value)))
            shift = (-12, 18) if axis == 0 else (-40, 4)
            _write(canvas, f"{value:g}", (x + shift[0], y + shift[1]))
            cv2.line(canvas, (x, y), (x, y - 5) if axis == 0 else (x + 5, y), GREY)
    _write(canvas, f"{title}: {name}", (MARGIN, MARGIN - 12))
    _write(canvas, NEAR[1], (MARGIN + PANEL - 54, MARGIN + PANEL + 40))
    mixtures = [point for point in points if point.method.replace(".", "").isdigit()]
    line = np.array([at(point.near, point.sharp) for point in mixtures], np.int32)
    cv2.polylines(canvas, [line], False, BLUE, 1, cv2.LINE_AA)
    named: list[tuple[int, int]] = []
    for point in sorted(points, key=lambda point: point.method != f"{SHARE:g}"):
        place = at(point.near, point.sharp)
        ships = point.method == f"{SHARE:g}"
        colour = BLUE if point in mixtures else RED
        cv2.circle(canvas, place, 6 if ships else 4, colour, -1, cv2.LINE_AA)
        if any(abs(y - place[1]) < _LINE and abs(x - place[0]) < PANEL / 2 for x, y in named):
            continue  # its name would stand on another
        named.append(place)
        label = point.method + (", ships" if ships else "")
        left = place[0] + 9 if place[0] < MARGIN + PANEL * 0.7 else place[0] - 7 * len(label) - 9
        _write(canvas, label, (left, place[1] - 5))
    return canvas


def _ticks(least: float, most: float) -> list[float]:
    """Returns two to six round numbers between two others."""
    rough = (most - least) / 4
    unit = 10 ** np.floor(np.log10(rough))
    step = unit * min(m for m in (1, 2, 5, 10) if m * unit >= rough)
    return [round(step * i, 6) for i in range(int(np.ceil(least / step)), int(most / step) + 1)]


def _write(canvas: PixelImage, text: str, at: tuple[int, int]) -> None:
    cv2.putText(canvas, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.4, BLACK, 1, cv2.LINE_AA)
