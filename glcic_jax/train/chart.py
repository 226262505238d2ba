"""Draws curves as SVG: each by its own colour or dashes, also for readers who see fewer colours."""

import html
import math
from collections.abc import Callable, Sequence

COLOURS = (
    *("#3366cc", "#dc6a12", "#30a86c", "#c00c90"),
    *("#9c5424", "#9018fc", "#9c84cc", "#546c60"),
)
"""Colours of curves, in order: they differ for colour-blind readers too, on white and on black."""

DASHES = ("", "7 3", "2 3", "10 3 2 3")
"""Lengths of a curve's dashes and gaps. Each serves all colours before the next one begins."""

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 640, 252, 62, 22, 30

MOST_DOTS = 30
"""Points of a curve that are drawn as dots too."""

MARK = 28
"""Length of a mark, pixels: that of the longest dashes, and of their first again."""

Curves = dict[str, list[tuple[int, float]]]
"""Pairs (step, value), in the order of steps, by the name of each curve."""


def chart(
    heading: str,
    curves: Curves,
    phase_ends: Sequence[tuple[str, int]],
    logarithmic: bool,
) -> str:
    """Draws curves, with the phases marked, as SVG inside a <figure>.

    Args:
      heading: the figure's caption.
      curves: curves by their names; at least one that is not empty. An empty one is only named.
      phase_ends: the name and the last step of each phase.
      logarithmic: whether the axis of values is; ignored if a value is not positive.
    """
    # Scale the axes.
    values = [value for curve in curves.values() for _, value in curve]
    logarithmic = logarithmic and min(values) > 0
    scaled = math.log10 if logarithmic else float
    low, high = scaled(min(values)), scaled(max(values))
    if high - low < 1e-9:
        low, high = low - 0.5, high + 0.5
    last = max(step for curve in curves.values() for step, _ in curve) or 1

    def x(step: float) -> float:
        return LEFT + (WIDTH - LEFT - 8) * step / last

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * (value - low) / (high - low)

    # Draw grid lines with their labels, phases and curves.
    levels = [low + (high - low) * tick / 4 for tick in range(5)]
    labels = _labels([10**level if logarithmic else level for level in levels])
    parts = [
        f'<line x1="{LEFT}" x2="{WIDTH - 8}" y1="{y(level):.1f}" y2="{y(level):.1f}" '
        f'stroke="currentColor" opacity="0.15"/>'
        f'<text x="{LEFT - 6}" y="{y(level) + 4:.1f}" text-anchor="end">{label}</text>'
        for level, label in zip(levels, labels, strict=True)
    ]
    parts += [
        f'<text x="{x(step):.1f}" y="{HEIGHT - 6}" '
        f'text-anchor="{"end" if step == last else "middle"}">{step:,}</text>'
        for step in sorted({last * tick // 4 for tick in range(5)})
    ]
    parts += _phase_marks(phase_ends, x, last)
    for index, (name, curve) in enumerate(curves.items()):
        places = [(f"{x(step):.1f}", f"{y(scaled(value)):.1f}") for step, value in curve]
        parts.append(_line(index, name, places))
    caption = f"{heading} (log)" if logarithmic else heading
    return (
        f"<figure><figcaption>{html.escape(caption)}</figcaption>"
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{html.escape(heading)}">'
        f"{''.join(parts)}</svg>{_key(list(curves))}</figure>"
    )


def _labels(values: Sequence[float]) -> list[str]:
    """Returns numbers as texts with as few digits as tell them apart, three at least."""
    texts: list[str] = []
    for digits in range(3, 8):
        texts = [f"{value:.{digits}g}" for value in values]
        if len(set(texts)) == len(texts):
            break
    return texts


def _phase_marks(
    phase_ends: Sequence[tuple[str, int]], x: Callable[[float], float], last: int
) -> list[str]:
    """Draws a line where each phase begins. The names of neighbours stand at two heights."""
    marks, start, height = [], 0, TOP - 6
    for name, end in phase_ends:
        if start < end and start < last:
            marks.append(
                f'<line x1="{x(start):.1f}" x2="{x(start):.1f}" y1="{height - 8}" '
                f'y2="{HEIGHT - BOTTOM}" stroke="currentColor" opacity="0.5" '
                f'stroke-dasharray="3 3"/>'
                f'<text x="{x(start) + 4:.1f}" y="{height}">{html.escape(name)}</text>'
            )
            height = 2 * TOP - 24 - height
        start = max(start, end)
    return marks


def mark(index: int) -> str:
    """Returns a piece of curve number `index` as SVG, to stand before its name."""
    return (
        f'<svg viewBox="0 0 {MARK} 8" style="width:{MARK}px;height:8px" aria-hidden="true">'
        f'<line x2="{MARK}" y1="4" y2="4" {_stroke(index)} stroke-width="3"/></svg>'
    )


def _line(index: int, name: str, places: Sequence[tuple[str, str]]) -> str:
    """Draws curve number `index`, whose name is shown where the pointer rests on it."""
    points = " ".join(map(",".join, places))
    dots = [f'<circle cx="{x}" cy="{y}" r="2.5" stroke="none"/>' for x, y in places]
    return (
        f'<g {_stroke(index)} stroke-width="1.5"><title>{html.escape(name)}</title>'
        f'<polyline points="{points}" fill="none"/>'
        f"{''.join(dots) if len(dots) <= MOST_DOTS else ''}</g>"
    )


def _stroke(index: int) -> str:
    """Returns the attributes of curve number `index`: its colour and dashes."""
    colour = COLOURS[index % len(COLOURS)]
    dashes = DASHES[index // len(COLOURS) % len(DASHES)]
    return f'stroke="{colour}" fill="{colour}" stroke-dasharray="{dashes or "none"}"'


def _key(names: Sequence[str]) -> str:
    """Returns the names of the curves, each behind its mark."""
    entries = [f"<span>{mark(n)} {html.escape(name)}</span>" for n, name in enumerate(names)]
    return f'<div class="key">{"".join(entries)}</div>'
