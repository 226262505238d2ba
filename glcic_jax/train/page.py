"""Writes the page of a run, index.html: curves and sample grids. It needs no server, no network."""

import html
import math
from collections.abc import Callable, Sequence
from pathlib import Path

from glcic_jax.metrics.columns import COLUMNS, Column
from glcic_jax.runtime.html import html_page

HISTORY = 2000
"""Training records of a long run that the page shows. The eye would not see more."""

SCORES = "held_out/"
"""The names of held-out scores begin with this."""

CHARTS = {
    "Held-out pictures": (SCORES, False),
    "Losses": ("loss/", True),
    "Discriminator accuracy": ("accuracy/", False),
    "Gradient norms": ("grad_norm/", True),
    "Images per second": ("images_per_s", False),
}
"""For each heading, how the names of its curves begin, and whether the axis is logarithmic."""

READING = """Held-out pictures are never trained on; their scores are over the holes alone. A loss
is what updates make smaller: it jumps, since every batch is another. The discriminator, if there
is one, learns to tell real pictures from completed ones; an accuracy of .5 is guessing. Dashed
lines show where a phase begins."""
GRIDS = """Input: the mean colour in the hole. Raw output: all that the network draws. Completed:
the known pixels, and that in the hole. Truth: what was there."""

COLOURS = (
    *("#3366cc", "#dc6a12", "#2a9d4b", "#a3339b"),
    *("#8c6d31", "#d1344f", "#14a3b8", "#808080"),
)
"""Colours of curves, in order. After the last comes the first again."""

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 640, 252, 62, 22, 30

Curves = dict[str, list[tuple[int, float]]]
"""Pairs (step, value), in the order of steps, by the name of each curve."""

STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1360px; margin: 2em auto; padding: 0 1em; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 520px), 1fr));
  gap: 1.5em; }
figure { margin: 0; } figcaption { font-weight: 600; }
svg { width: 100%; height: auto; } svg text { font-size: 11px; fill: currentColor; }
.key { font-size: 13px; } .key > span { margin-right: 1em; white-space: nowrap; }
img { max-width: 100%; min-width: min(100%, 830px); image-rendering: pixelated; }
p { max-width: 60em; } pre { overflow-x: auto; }
"""


def thinned(records: list[dict]) -> list[dict]:
    """Returns at most HISTORY training records, evenly spaced, and all held-out ones."""
    count = sum(record["kind"] == "train" for record in records)
    stride = max(1, -(-count // HISTORY))
    kept, seen = [], 0
    for record in records:
        if record["kind"] == "train":
            seen += 1
            if seen % stride:
                continue
        kept.append(record)
    return kept


def run_page(
    title: str,
    records: Sequence[dict],
    grids: Sequence[str],
    phase_ends: Sequence[tuple[str, int]],
    config: str,
) -> str:
    """Returns the page of a run as HTML.

    Args:
      title: the run's title.
      records: as in metrics.jsonl: "step", and numbers (or None) by name.
      grids: relative addresses of pictures, newest first, such as "samples/00000007.png".
      phase_ends: the name and the last step of each phase.
      config: the text of config.json.
    """
    # Draw the curves.
    charts = []
    for heading, (prefix, logarithmic) in CHARTS.items():
        drawn = curves_of(records, prefix)
        # Scores of unlike units (an error, decibels) get a chart each.
        groups = {heading: drawn}
        if prefix == SCORES:
            groups = {f"{heading}: {score_title(name)}": {name: c} for name, c in drawn.items()}
        charts += [chart(h, group, phase_ends, logarithmic) for h, group in groups.items() if group]

    # Put the page together.
    pictures = "\n".join(
        f'<figure><figcaption>{grid_title(name)}</figcaption><img loading="lazy" '
        f'src="{html.escape(name)}" alt="completions of held-out pictures"></figure>'
        for name in grids
    )
    total = max((end for _, end in phase_ends), default=0)
    last = max((record["step"] for record in records), default=0)
    progress = f"step {last:,} of {total:,}" if records else "no records yet"
    body = (
        f"<h1>{html.escape(title)}</h1><p>{progress}. {READING}</p>"
        f'<div class="charts">{"".join(charts)}</div>'
        f"<h2>Held-out pictures, newest first</h2><p>{GRIDS}</p>{pictures}"
        "<details><summary>config.json: the config, and every start of the run</summary>"
        f"<pre>{html.escape(config)}</pre></details>"
    )
    return html_page(title, body, f"<style>{STYLE}</style>")


def grid_title(name: str) -> str:
    """Returns the title of a sample grid as HTML: its step, or the name of a file without one."""
    stem = Path(name).stem
    return f"step {int(stem):,}" if stem.isdecimal() else html.escape(name)


def score_title(name: str) -> str:
    """Returns the name of a score without "held_out/", and which values of it are better."""
    metric = name.removeprefix(SCORES)
    best = COLUMNS.get(metric.rpartition("/")[2], Column(metric)).best
    return metric + {min: ", lower is better", max: ", higher is better"}.get(best, "")


def curves_of(records: Sequence[dict], prefix: str) -> Curves:
    """Returns the curves whose names begin with `prefix`. Values that were not finite are left out.

    Args:
      records: as in metrics.jsonl.
      prefix: such as "loss/".
    """
    found: Curves = {}
    for record in records:
        for name, value in record.items():
            if name.startswith(prefix) and value is not None:
                found.setdefault(name, []).append((record["step"], value))
    return found


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
    for colour, curve in zip(_cycle(len(curves)), curves.values(), strict=True):
        points = " ".join(f"{x(s):.1f},{y(scaled(v)):.1f}" for s, v in curve)
        parts.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
        )
        if len(curve) <= 30:
            parts += [
                f'<circle cx="{x(s):.1f}" cy="{y(scaled(v)):.1f}" r="2.5" fill="{colour}"/>'
                for s, v in curve
            ]
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


def _key(names: list[str]) -> str:
    """Returns the names of the curves, each behind a square of its colour."""
    entries = [
        f'<span><span style="color:{colour}">&#9632;</span>{html.escape(name)}</span>'
        for colour, name in zip(_cycle(len(names)), names, strict=True)
    ]
    return f'<div class="key">{"".join(entries)}</div>'


def _cycle(count: int) -> list[str]:
    """Returns a colour for each of `count` curves."""
    return [COLOURS[index % len(COLOURS)] for index in range(count)]
