"""Writes the same table as Markdown, LaTeX and HTML."""

import html
from collections.abc import Callable
from typing import Any, NamedTuple

from glcic_jax.metrics.columns import Column, column_of


class Cell(NamedTuple):
    """Holds the texts of a value and of its interval ("" if none), and whether it is the best."""

    value: str
    interval: str
    best: bool


class Table(NamedTuple):
    """Holds the texts of a table: head[0] stands above the methods; rows are (method, cells)."""

    head: list[str]
    rows: list[tuple[str, list[Cell]]]


def table(
    scores: dict[str, dict[str, Any]], heading: str = "method", *, ranked: bool = True
) -> Table:
    """Lays out "scores" of results.json: a row per method, a column per metric.

    Args:
      scores: by method and metric, the same metrics for every method.
      heading: title of the column of methods.
      ranked: mark those whose shown value is the best one of their column.
    """
    names = list(next(iter(scores.values())))
    columns = [column_of(name) for name in names]
    cells = {
        method: [_cell(values[n], c) for n, c in zip(names, columns, strict=True)]
        for method, values in scores.items()
    }
    for index, column in enumerate(columns):
        shown = [float(row[index].value) for row in cells.values() if row[index].value != "-"]
        if ranked and column.best and len(shown) > 1:
            lead = column.best(shown)
            for row in cells.values():
                value = row[index].value
                row[index] = row[index]._replace(best=value != "-" and float(value) == lead)
    return Table([heading, *(column.label for column in columns)], list(cells.items()))


def _cell(estimate: dict[str, Any], column: Column) -> Cell:
    value, *ends = (estimate[name] for name in ("value", "low", "high"))
    if value is None:
        return Cell("-", "", best=False)
    texts = [f"{column.scale * end:.{column.digits}f}" for end in ends if end is not None]
    interval = f"[{', '.join(texts)}]" if texts else ""
    return Cell(f"{column.scale * value:.{column.digits}f}", interval, best=False)


def markdown(layout: Table) -> str:
    """Returns a table as GitHub shows it, the best values bold."""

    def text(cell: Cell) -> str:
        return f"{f'**{cell.value}**' if cell.best else cell.value} {cell.interval}".strip()

    lines = [layout.head, ["---"] + ["---:"] * (len(layout.head) - 1)]
    lines += [[method.replace("|", "\\|"), *map(text, cells)] for method, cells in layout.rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def latex(layout: Table) -> str:
    """Returns a tabular environment for LaTeX's booktabs: the best values bold, no intervals."""

    def text(cell: Cell) -> str:
        return f"\\textbf{{{cell.value}}}" if cell.best else cell.value

    body = [[_tex(method), *map(text, cells)] for method, cells in layout.rows]
    lines = [
        f"\\begin{{tabular}}{{l{'r' * (len(layout.head) - 1)}}}",
        "\\toprule",
        " & ".join(map(_tex, layout.head)) + r" \\",
        "\\midrule",
        *(" & ".join(line) + r" \\" for line in body),
        "\\bottomrule",
        "\\end{tabular}",
    ]
    return "\n".join(lines) + "\n"


def _tex(text: str) -> str:
    replaced = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    return "".join(replaced.get(c, f"\\{c}" if c in "_%&#${}" else c) for c in text).replace(
        "x100", r"$\times$100"
    )


def html_table(layout: Table, seconds: dict[str, float] | None = None) -> str:
    """Returns a <table>; intervals stand small below the values.

    Args:
      layout: the texts.
      seconds: time per picture by method, for a last column; None = no such column.
    """
    head = [html.escape(text) for text in layout.head]
    if seconds:
        head.append("s / picture")
    row: Callable[[str], str] = "<tr>{}</tr>".format
    lines = [row("".join(f"<th>{text}</th>" for text in head))]
    for method, cells in layout.rows:
        texts = [
            f"<td{' class=best' if cell.best else ''}>{cell.value}"
            f"<small>{cell.interval}</small></td>"
            for cell in cells
        ]
        if seconds:
            texts.append(f"<td>{seconds[method]:.3g}</td>")
        lines.append(row(f"<th>{html.escape(method)}</th>{''.join(texts)}"))
    return f"<table>{''.join(lines)}</table>"
