r"""Compares trainings: what differs in their configs, what they ran on, scores and curves.

python -m glcic_jax.compare_runs runs/a runs/b
python -m glcic_jax.compare_runs runs/a runs/b runs/c --output comparison.html
python -m glcic_jax.compare_runs runs/a runs/b --json

Prints each run's progress, its best and last scores, the fields of the config that differ, and what
differs in its starts: commit, versions, command, devices, digests of the data. --output writes the
same with the runs' curves over one another and their newest sample grids, as one file. Runs may be
unfinished, of different methods, and of older versions.
"""

import argparse
import sys
from pathlib import Path

from glcic_jax.compare_runs.comparison import compare
from glcic_jax.compare_runs.page import comparison_page
from glcic_jax.compare_runs.runs import read_runs
from glcic_jax.compare_runs.text import as_json, as_text
from glcic_jax.runtime.command_line import command_parser, exit_code, print_result
from glcic_jax.runtime.disk import write_whole
from glcic_jax.runtime.errors import UserError

PAGE = ".html"
"""The extension of an OUTPUT."""

MOST = 8
"""Runs that the printed tables have columns for."""


def make_parser() -> argparse.ArgumentParser:
    """Describes the flags of the command."""
    parser = command_parser("glcic_jax.compare_runs", __doc__)
    parser.add_argument(
        "runs", type=Path, nargs="+", metavar="RUN", help="two to eight run folders"
    )
    parser.add_argument("--output", type=Path, metavar="FILE.html", help="page to write")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Reads the command line; argparse itself refuses unknown flags with exit code 2."""
    return make_parser().parse_args(argv)


def run(args: argparse.Namespace) -> None:
    """Prints the comparison, and writes its page if asked for.

    Raises:
      UserError: too few or too many runs, no run folder, the same one twice, or an output that
        cannot be written.
    """
    if not 2 <= len(args.runs) <= MOST:
        raise UserError(
            f"give 2 to {MOST} run folders, not {len(args.runs)}; glcic report takes any number"
        )
    if args.output:
        check_output("--output", args.output, PAGE, args.runs)
    comparison = compare(read_runs(args.runs))
    if args.output:
        try:
            write_whole(args.output, comparison_page(comparison))
        except OSError as error:
            raise UserError(f"{args.output}: cannot write it: {error.strerror}") from error
    page = f"\n\ncurves and pictures: {args.output}" if args.output else ""
    print_result(as_json(comparison) if args.json else as_text(comparison) + page)


def check_output(flag: str, output: Path, extension: str, runs: list[Path]) -> None:
    """Refuses an output that cannot be, before a run is read.

    Args:
      flag: the flag that names it, for messages.
      output: the file to write.
      extension: what its name must end in.
      runs: the folders of the runs.

    Raises:
      UserError: another extension, no such folder, or one of a run.
    """
    if output.suffix.lower() != extension or output.is_dir():
        raise UserError(f"{flag} {output}: give a FILE{extension}")
    if not output.parent.is_dir():
        raise UserError(f"{flag} {output}: there is no folder {output.parent}: make it first")
    if output.parent.resolve() in [folder.resolve() for folder in runs]:
        raise UserError(f"{flag} {output}: lies in a run that is compared: choose another place")


def main(argv: list[str] | None = None) -> int:
    """Runs the command and returns its exit code: 2 for a user's mistake, reported in one line."""
    return exit_code(lambda: run(parse(argv)))


if __name__ == "__main__":
    sys.exit(main())
