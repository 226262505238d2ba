r"""Asks people whether pictures are real or completed (Iizuka et al. 2017, section 4.6).

python -m glcic_jax.user_study --real DIR --completed DIR --answers answers.csv
python -m glcic_jax.user_study --real DIR --completed DIR --answers answers.csv --size 256 --port 0
python -m glcic_jax.user_study --report answers.csv

The first two serve a page on this machine until Ctrl-C, then print the shares of real and of
completed pictures that were taken for real; the third prints them again. Given the same --answers,
a study goes on where it stopped.
"""

import argparse
import signal
import socket
import sys
from pathlib import Path

from glcic_jax.runtime.command_line import command_parser, exit_code
from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.web_names import own_names
from glcic_jax.user_study.answers import read_answers, report


def make_parser() -> argparse.ArgumentParser:
    """Describes the flags of the command."""
    parser = command_parser("glcic_jax.user_study", __doc__)
    parser.add_argument("--real", type=Path, metavar="DIR", help="photographs as they were taken")
    parser.add_argument("--completed", type=Path, metavar="DIR", help="completed pictures")
    parser.add_argument(
        "--answers",
        type=Path,
        default=Path("answers.csv"),
        help="CSV file to add to; answers.csv by default",
    )
    parser.add_argument("--size", type=int, help="scale and crop the pictures to SIZE x SIZE")
    parser.add_argument(
        "--seed", type=int, default=0, help="seed of the raters' orders; 0 by default"
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen at; this machine only by default; 0.0.0.0: anybody in the network",
    )
    parser.add_argument(
        "--port", type=int, default=8000, help="8000 by default; 0: any that is free"
    )
    parser.add_argument(
        "--name",
        nargs="+",
        default=[],
        help="names or addresses of the page besides this machine's own, as behind a proxy: "
        "study.example.org",
    )
    parser.add_argument(
        "--report", type=Path, metavar="CSV", help="print the shares of these answers and end"
    )
    return parser


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Reads the command line; argparse itself refuses unknown flags with exit code 2."""
    return make_parser().parse_args(argv)


def serve(args: argparse.Namespace) -> None:
    """Serves the study until Ctrl-C or SIGTERM.

    Raises:
      UserError: pictures, a file or an address that cannot be used.
    """
    from glcic_jax.user_study.pictures import Pictures  # only now: a report needs no OpenCV
    from glcic_jax.user_study.server import StudyServer

    names = own_names(args.name, listening=(args.host, socket.gethostname()))
    pictures = Pictures(args.real, args.completed, args.size)
    server = StudyServer(
        pictures, args.answers, host=args.host, port=args.port, seed=args.seed, names=names
    )
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as Ctrl-C does
    real, completed = pictures.counts
    print(
        f"{real:,} real and {completed:,} completed pictures; each rater sees {len(pictures):,}\n"
        f"open http://{args.host}:{server.server_port}/\n"
        f"answers go to {args.answers}; Ctrl-C ends the study and prints the shares",
        flush=True,
    )
    with server:
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()


def run(args: argparse.Namespace) -> None:
    """Does what the command line asks for.

    Raises:
      UserError: a flag is missing, or files or the address cannot be used.
    """
    if args.report is None:
        lacking = [name for name in ("real", "completed") if getattr(args, name) is None]
        if lacking:
            raise UserError(f"--{lacking[0]} is missing; --help shows an example")
        if args.size is not None and args.size < 8:
            raise UserError(f"--size {args.size}: give at least 8")
        serve(args)
    print(report(read_answers(args.report or args.answers)))


def main(argv: list[str] | None = None) -> int:
    """Runs the command and returns its exit code: 2 for a user's mistake, reported in one line."""
    return exit_code(lambda: run(parse(argv)))


if __name__ == "__main__":
    sys.exit(main())
