r"""Tables groups of runs that differ in their seeds, from one report of `evaluate`.

python -m experiments.groups REPORT --rows "MSE=runs/faces/*/mse" "full=runs/faces/*/both" telea \
    --minus MSE

Each row is the mean of the report's rows that a pattern stands for, over runs and pictures
together: patterns are those of evaluate --compare. --minus adds the differences of all other rows
to that one. Two groups with the same seeds are compared seed by seed, others as they are, as
evaluate --compare does: docs/evaluation.md, "Over seeds, too". Prints Markdown: L1, PSNR and SSIM
in the hole, and LPIPS.
"""

import argparse
import sys
from pathlib import Path

from experiments.zoo_reports import SHOWN
from glcic_jax.evaluate.comparison import (
    Group,
    Scores,
    difference,
    group_of,
    read_report,
    seed_by_seed,
)
from glcic_jax.evaluate.rows import Rows, rows_like
from glcic_jax.evaluate.summary import as_json
from glcic_jax.evaluate.tables import markdown, table
from glcic_jax.metrics.seeds import over_seeds
from glcic_jax.runtime.command_line import command_parser, exit_code, print_result
from glcic_jax.runtime.errors import UserError


def runs_of(pattern: str, scores: Scores) -> Rows:
    """Finds the rows that a pattern stands for, ordered by their seeds.

    Raises:
      UserError: there is none.
    """
    found = rows_like(pattern, scores)
    if not found:
        raise UserError(f'--rows: no row "{pattern}"; the report has {", ".join(scores)}')
    return found


def titled(rows: list[str], scores: Scores) -> dict[str, str]:
    """Returns patterns by the titles of their rows.

    Args:
      rows: each TITLE=PATTERN, or a pattern that is its own title, even one with "=" in it.
      scores: of a report.

    Raises:
      UserError: two rows have one title.
    """
    patterns: dict[str, str] = {}
    for row in rows:
        title, equals, pattern = row.partition("=")
        if not equals or rows_like(row, scores):
            title = pattern = row
        if title in patterns:
            raise UserError(f'--rows: two rows are "{title}": give each a title, TITLE=PATTERN')
        patterns[title] = pattern
    return patterns


def groups_table(scores: Scores, rows: dict[str, str], minus: tuple[str, ...] = ()) -> str:
    """Returns the table as Markdown, and below it which differences are seed by seed.

    Args:
      scores: of a report.
      rows: patterns by the titles of their rows.
      minus: the titles whose rows are subtracted from all others.

    Raises:
      UserError: a pattern without rows, or a title in `minus` that is not in `rows`, is alone
        there, or has a run that is in another row too.
    """
    scores = {row: {m: of[m] for m in SHOWN if m in of} for row, of in scores.items()}
    groups: dict[str, Group] = {}
    for title, pattern in rows.items():
        runs = runs_of(pattern, scores)
        label = title if len(runs) == 1 else f"{title} ({len(runs)} runs)"
        groups[title] = group_of(label, runs, scores)
    shown = {
        group.label: {metric: as_json(over_seeds(of)) for metric, of in group.scores.items()}
        for group in groups.values()
    }
    by_seed = []
    for title in minus:
        if title not in groups:
            raise UserError(f'--minus: no row "{title}" in --rows')
        own = groups[title]
        others = {other: group for other, group in groups.items() if other != title}
        if not others:
            raise UserError(f"--minus {title}: add another row to --rows, to subtract it from")
        for other, group in others.items():
            if both := set(group.rows.values()) & set(own.rows.values()):
                raise UserError(
                    f'--minus {title}: {min(both)} is in "{other}" too: let each run be in one'
                )
            shown[f"{other} - {title}"] = difference(group, own)
            by_seed += [f"{other} - {title}"] if seed_by_seed(group, own) else []
    note = f"\nbetween runs of one seed: {', '.join(by_seed)}\n" if by_seed else ""
    return markdown(table(shown, heading="row", ranked=False)) + note


def run(args: argparse.Namespace) -> None:
    """Prints the table that the command line asks for.

    Raises:
      UserError: no report, or as `titled` and `groups_table`.
    """
    scores, _ = read_report(args.report)
    print_result(groups_table(scores, titled(args.rows, scores), tuple(args.minus)))


def main(argv: list[str] | None = None) -> int:
    """Runs the command and returns its exit code: 2 for a user's mistake, reported in one line."""
    parser = command_parser("experiments.groups", __doc__)
    parser.add_argument("report", type=Path, help="folder of a report")
    parser.add_argument(
        "--rows",
        nargs="+",
        required=True,
        metavar="[TITLE=]PATTERN",
        help="rows of the table, each the mean of the report's rows that the pattern stands for",
    )
    parser.add_argument(
        "--minus", nargs="+", default=[], metavar="TITLE", help="rows to subtract from all others"
    )
    return exit_code(lambda: run(parser.parse_args(argv)))


if __name__ == "__main__":
    sys.exit(main())
