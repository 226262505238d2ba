r"""Shows many trainings on one page: curves, newest pictures, what differs, what they ran on.

python -m glcic_jax.report runs/a runs/b runs/c
python -m glcic_jax.report runs/* --output page.html
python -m glcic_jax.report runs/* --csv curves.csv --json all.json

The page, report.html by default, is that of compare_runs, for any number of runs: one is enough.
--csv writes every recorded number, one a line; --json writes what compare_runs --json prints, with
all records. Runs may be unfinished, of different methods, and of older versions.
"""

import argparse
import csv
import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from glcic_jax.compare_runs.__main__ import check_output
from glcic_jax.compare_runs.comparison import compare
from glcic_jax.compare_runs.page import comparison_page
from glcic_jax.compare_runs.runs import Run, read_runs
from glcic_jax.compare_runs.text import as_json
from glcic_jax.runtime.command_line import command_parser, exit_code
from glcic_jax.runtime.disk import write_whole
from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.run_folder import CONFIG

COLUMNS = ("run", "step", "phase", "kind", "name", "value")
"""The head of the CSV."""


def make_parser() -> argparse.ArgumentParser:
    """Describes the flags of the command."""
    parser = command_parser("glcic_jax.report", __doc__)
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="run folders, any number")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("report.html"),
        metavar="FILE.html",
        help="page to write; report.html by default",
    )
    parser.add_argument("--csv", type=Path, metavar="FILE.csv", help="every number, one a line")
    parser.add_argument("--json", type=Path, metavar="FILE.json", help="everything")
    return parser


def run(args: argparse.Namespace) -> None:
    """Writes the page, and what else is asked for.

    Raises:
      UserError: no run folder, the same one twice, or an output that cannot be written.
    """
    outputs = {"--output": (args.output, ".html"), "--csv": (args.csv, ".csv")}
    outputs["--json"] = (args.json, ".json")
    folders = [path for path in args.runs if (path / CONFIG).is_file() or not path.exists()]
    # A shell's runs/* also names what lies beside the runs; a run that is named alone must be one.
    others = [path for path in args.runs if path not in folders]
    if not folders:
        raise UserError(f"{others[0]}: no run folder; give the --workdir of a training")
    for flag, (path, extension) in outputs.items():
        if path is not None:
            check_output(flag, path, extension, folders)
    runs = read_runs(folders)
    comparison = compare(runs)
    texts = {args.output: comparison_page(comparison)}
    if args.csv:
        texts[args.csv] = as_csv(runs)
    if args.json:
        records = {each.name: each.records for each in runs}
        texts[args.json] = json.dumps(json.loads(as_json(comparison)) | {"records": records})
    for path, text in texts.items():
        try:
            write_whole(path, text)
        except OSError as error:
            raise UserError(f"{path}: cannot write it: {error.strerror}") from error
    for path in others:
        print(f"left out: {path} is no run folder")
    print(f"{len(runs)} run{'s' if runs[1:] else ''}: {', '.join(map(str, texts))}")


def as_csv(runs: Sequence[Run]) -> str:
    """Returns every recorded number of runs as CSV, a line each, below COLUMNS."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for each in runs:
        for record in each.records:
            about = [record["step"], record["phase"], record["kind"]]
            for name, value in record.items():
                if name not in ("step", "phase", "kind"):
                    writer.writerow([each.name, *about, name, "" if value is None else repr(value)])
    return text.getvalue()


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Reads the command line; argparse itself refuses unknown flags with exit code 2."""
    return make_parser().parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Runs the command and returns its exit code: 2 for a user's mistake, reported in one line."""
    return exit_code(lambda: run(parse(argv)))


if __name__ == "__main__":
    sys.exit(main())
