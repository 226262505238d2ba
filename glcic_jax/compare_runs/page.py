"""Writes a comparison's page: tables, curves over one another and sample grids, in one file."""

import base64
import html
from collections.abc import Sequence
from pathlib import Path

from glcic_jax.compare_runs.comparison import Comparison
from glcic_jax.compare_runs.runs import Run
from glcic_jax.compare_runs.text import Table, tables, tables_of_same
from glcic_jax.runtime.disk import read_file
from glcic_jax.runtime.html import html_page
from glcic_jax.train.chart import chart, mark
from glcic_jax.train.page import (
    CHARTS,
    SCORES,
    STYLE,
    curves_of,
    grid_title,
    score_title,
    thinned,
)

MOST_BESIDE = 3
"""Sample grids beside each other; more of them go below."""

_STYLE = f"""{STYLE}
.wide {{ overflow-x: auto; }}
table {{ border-collapse: collapse; width: 100%; table-layout: fixed; }}
td {{ white-space: pre-line; }}
th, td {{ padding: .25em .6em; text-align: left; vertical-align: top; overflow-wrap: anywhere;
  border-top: 1px solid color-mix(in srgb, currentColor 18%, transparent); }}
th:first-child {{ font-weight: 600; width: 18em; }}
.grids {{ display: grid; gap: 1.5em; }} figcaption {{ overflow-wrap: anywhere; }}
"""


def comparison_page(comparison: Comparison) -> str:
    """Returns the page of a comparison as HTML; it needs no other file.

    Raises:
      UserError: a sample grid cannot be read.
    """
    runs = comparison.runs
    names = [run.name for run in runs]
    title = " and ".join(names) if len(runs) <= 3 else f"{names[0]} and {len(runs) - 1} others"
    notes = "".join(f"<p>{html.escape(note)}</p>" for note in comparison.notes)
    parts = [f"<h1>{html.escape(title)}</h1>{notes}"]
    parts += [_table(table, runs) for table in tables(comparison) if table.rows or runs[1:]]
    parts += [_details(table) for table in tables_of_same(comparison) if table.rows]
    # Charts of the scores go first: they are what most people compare runs for.
    order = sorted(CHARTS.items(), key=lambda item: item[1][0] != SCORES)
    ends = _shared_phases(runs)
    for heading, (prefix, logarithmic) in order:
        charts = _charts(runs, prefix, logarithmic, ends)
        if charts:
            parts.append(f'<h2>{heading}</h2><div class="charts">{"".join(charts)}</div>')
    grids = [_grid(run, run.grid) for run in runs if run.grid]
    if grids:
        style = f"grid-template-columns: repeat({min(len(grids), MOST_BESIDE)}, 1fr)"
        parts.append(
            f'<h2>Newest sample grids</h2><div class="grids" style="{style}">{"".join(grids)}</div>'
        )
    return html_page(title, "".join(parts), f"<style>{_STYLE}</style>")


def _table(table: Table, runs: Sequence[Run]) -> str:
    heading = f"<h2>{html.escape(table.heading[:1].upper() + table.heading[1:])}</h2>"
    if not table.rows:
        return heading
    heads = "".join(
        f"<th>{mark(index)} {html.escape(run.name)}</th>" for index, run in enumerate(runs)
    )
    return f"{heading}{_rows(table, f'<tr><th></th>{heads}</tr>')}"


def _details(table: Table) -> str:
    """Returns a table of one column, which opens on a click."""
    heading = html.escape(table.heading[:1].upper() + table.heading[1:])
    return f"<details><summary>{heading}</summary>{_rows(table)}</details>"


def _rows(table: Table, head: str = "") -> str:
    rows = "".join(
        f"<tr><th>{html.escape(name)}</th>"
        f"{''.join(f'<td>{html.escape(cell)}</td>' for cell in cells)}</tr>"
        for name, cells in table.rows.items()
    )
    return f'<div class="wide"><table>{head}{rows}</table></div>'


def _charts(
    runs: Sequence[Run], prefix: str, logarithmic: bool, phase_ends: Sequence[tuple[str, int]]
) -> list[str]:
    """Draws a chart for each curve that some run has, with a line per run."""
    found = {run.name: curves_of(thinned(run.records), prefix) for run in runs}
    charts = []
    for name in dict.fromkeys(name for curves in found.values() for name in curves):
        lines = {
            run if name in curves else f"{run}: none": curves.get(name, [])
            for run, curves in found.items()
        }
        title = score_title(name) if prefix == SCORES else name
        charts.append(chart(title, lines, phase_ends, logarithmic))
    return charts


def _shared_phases(runs: Sequence[Run]) -> list[tuple[str, int]]:
    """Returns the phases to mark; none where the runs have different ones."""
    if any(run.phases != runs[0].phases for run in runs):
        return []
    return max((run.phase_ends() for run in runs), key=len)


def _grid(run: Run, path: Path) -> str:
    """Returns a sample grid as a figure that holds the picture itself."""
    content = base64.b64encode(read_file(path)).decode()
    caption = f"{html.escape(run.name)}, {grid_title(path.name)}"
    return (
        f"<figure><figcaption>{caption}</figcaption>"
        f'<img src="data:image/png;base64,{content}" alt="completions of held-out pictures">'
        "</figure>"
    )
