"""Writes a report's index.html: tables, intervals and pictures; no server, no network."""

import html
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from glcic_jax.evaluate.tables import html_table, table
from glcic_jax.metrics.columns import COLUMNS, Column
from glcic_jax.runtime.html import html_page

WIDTH, ROW, LABEL, VALUE = 420, 22, 130, 62
"""Sizes in the drawings of intervals, in pixels: all, a method's row, its name, its value."""

_STYLE = """
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 18%, transparent); }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1600px; margin: 2em auto; padding: 0 1em; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .3em .45em; text-align: right; border-top: 1px solid var(--line); }
th:first-child { text-align: left; font-weight: 600; white-space: nowrap; }
tr:first-child th { border-top: none; vertical-align: bottom; }
td small { display: block; opacity: .6; font-size: 11px; white-space: nowrap;
  font-weight: 400; }
.best { font-weight: 700; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 340px), 1fr));
  gap: 1.2em 2em; margin: 1.5em 0; }
figure { margin: 0; } figcaption { font-weight: 600; font-size: 13px; }
svg { width: 100%; height: auto; } svg text { font-size: 11px; fill: currentColor; }
.row { display: grid; gap: 6px; }
.row img { width: 100%; display: block; } .row figcaption { font-weight: 400; opacity: .8; }
h3 { font-size: 14px; margin: 1.2em 0 .2em; } pre { overflow-x: auto; font-size: 12px; }
"""


BETTER = {min: ", lower is better", max: ", higher is better"}
"""What the caption of a metric adds, by how the best value of its column is chosen."""


class PictureRow(NamedTuple):
    """Describes a row of pictures.

    Attributes:
      name: name of the example.
      share: share of the picture that its hole covers, in [0, 1].
      pictures: (caption, relative address) of each.
    """

    name: str
    share: float
    pictures: list[tuple[str, str]]


def report_page(
    results: dict[str, Any],
    manifest: dict[str, Any],
    seconds: dict[str, float],
    rows: Sequence[PictureRow],
) -> str:
    """Writes index.html of a report as text.

    Args:
      results: the content of results.json.
      manifest: the content of manifest.json, shown as it is.
      seconds: time per picture by method.
      rows: pictures to show, in this order.
    """
    scores = results["scores"]
    bins = [
        f"<h3>hole {label} of the picture ({part['pictures']})</h3>"
        f'<div class="wide">{html_table(table(part["scores"]))}</div>'
        for label, part in results["bins"].items()
    ]
    missing = "".join(
        f"<li>{html.escape(_label(name))}: {html.escape(reason)}</li>"
        for name, reason in results["missing"].items()
    )
    notes = "".join(f"<li>{html.escape(note)}</li>" for note in results["notes"])
    title = f"{len(scores)} methods on {results['pictures']} pictures"
    parts = [
        f"<h1>{title}</h1>"
        "<p>Means over the pictures, with 95 % bootstrap intervals; the best of each column is "
        "bold. Pictures follow below, first those on which the methods differ most.</p>"
        f'<div class="wide">{html_table(table(scores), seconds)}</div>'
    ]
    if missing:
        parts.append(f"<p>Not computed:</p><ul>{missing}</ul>")
    if notes:
        parts.append(f"<p>To be read with care:</p><ul>{notes}</ul>")
    parts.append(
        f'<div class="charts">{"".join(_charts(scores))}</div>'
        f"<h2>By the size of the hole</h2>{''.join(bins)}"
        f"<h2>Pictures</h2>{''.join(map(_row, rows))}"
        "<details><summary>manifest</summary>"
        f"<pre>{html.escape(json.dumps(manifest, indent=2))}</pre></details>"
    )
    return html_page(title, "".join(parts), f"<style>{_STYLE}</style>")


def _label(name: str) -> str:
    return COLUMNS.get(name, Column(name)).label


def _row(row: PictureRow) -> str:
    figures = "".join(
        f'<figure><img loading="lazy" src="{html.escape(address)}" alt="{html.escape(caption)}">'
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
        for caption, address in row.pictures
    )
    return (
        f"<h3>{html.escape(row.name)}, hole {row.share:.0%}</h3>"
        f'<div class="row" style="grid-template-columns: repeat({len(row.pictures)}, 1fr)">'
        f"{figures}</div>"
    )


def _charts(scores: dict[str, dict[str, Any]]) -> list[str]:
    """Draws a chart for each metric that has intervals."""
    charts = []
    for name in next(iter(scores.values())):
        column = COLUMNS.get(name, Column(name))
        cells = {method: values[name] for method, values in scores.items()}
        known = {method: c for method, c in cells.items() if None not in c.values()}
        if len(known) > 1:
            charts.append(_intervals(column, known))
    return charts


def _intervals(column: Column, cells: dict[str, dict[str, float]]) -> str:
    """Draws a dot for each value on a line as long as its interval, as SVG inside a figure."""
    low = min(cell["low"] for cell in cells.values())
    high = max(cell["high"] for cell in cells.values())
    span = (high - low) or 1
    height = ROW * len(cells)

    def x(value: float) -> float:
        return LABEL + (WIDTH - LABEL - VALUE) * (value - low) / span

    parts = []
    for index, (method, cell) in enumerate(cells.items()):
        y = ROW * index + ROW / 2
        name = method if len(method) <= 18 else f"{method[:8]}...{method[-8:]}"
        parts.append(
            f'<text x="0" y="{y + 4}">{html.escape(name)}</text>'
            f'<line x1="{x(cell["low"]):.1f}" x2="{x(cell["high"]):.1f}" y1="{y}" y2="{y}" '
            f'stroke="#3366cc" stroke-width="3" opacity="0.45"/>'
            f'<circle cx="{x(cell["value"]):.1f}" cy="{y}" r="4" fill="#3366cc"/>'
            f'<text x="{WIDTH}" y="{y + 4}" text-anchor="end">'
            f"{column.scale * cell['value']:.{column.digits}f}</text>"
        )
    better = BETTER[column.best] if column.best else ""
    caption = html.escape(column.label) + better
    return (
        f'<figure><figcaption>{caption}</figcaption><svg viewBox="0 0 {WIDTH} {height}" '
        f'role="img" aria-label="{caption}">{"".join(parts)}</svg></figure>'
    )
