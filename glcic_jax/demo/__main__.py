r"""Serves a web page that removes things from photographs, and an address for programs.

python -m glcic_jax.demo --open
python -m glcic_jax.demo --checkpoint runs/quickstart faces=runs/faces
python -m glcic_jax.demo --host 0.0.0.0 --port 8080 --name photos.example.org

Open the address that it prints (--open does), drop a photograph, paint over what should go. Several
networks may be given; three fills that need no network are always there. No picture is stored.
Ctrl-C ends it.
"""

import argparse
import math
import signal
import socket
import sys
import threading
import webbrowser
from collections.abc import Callable
from typing import Any

from glcic_jax.runtime.command_line import command_parser, exit_code
from glcic_jax.runtime.extras import missing_extra
from glcic_jax.runtime.web_names import own_names
from glcic_jax.weights.pretrained import BUNDLED

LOOPBACK = ("127.0.0.1", "localhost", "::1")
"""Hosts that only this machine can reach."""

ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}
"""Hosts that stand for all addresses of this machine, with the one that its browser opens."""

LONGEST_JOB = 86_400
"""Seconds that --seconds may be at most: a day."""

ENDINGS = (signal.SIGINT, signal.SIGTERM)
"""Signals that end the server."""


def make_parser() -> argparse.ArgumentParser:
    """Describes the flags of the command."""
    parser = command_parser("glcic_jax.demo", __doc__)
    parser.add_argument(
        "--checkpoint", nargs="+", default=[str(BUNDLED)], metavar="RUN",
        help="run folders, converted weights, or hf://OWNER/NAME; NAME=RUN names one, and "
        "RUN:large=scale sets how it completes; by default the network that comes with the package",
    )  # fmt: skip
    parser.add_argument(
        "--host", default="127.0.0.1",
        help="address to listen at; this machine only by default; 0.0.0.0: anybody in the network",
    )  # fmt: skip
    parser.add_argument(
        "--port", type=int, default=7860, help="7860 by default; 0: any that is free"
    )
    parser.add_argument(
        "--name",
        nargs="+",
        default=[],
        help="names or addresses of the page, such as a proxy's: photos.example.org, "
        "photos.example.org:8443 or https://photos.example.org/fill/",
    )
    parser.add_argument(
        "--megabytes", type=int, default=64, help="size of the largest upload; 64 by default"
    )
    parser.add_argument(
        "--megapixels", type=int, default=60, help="size of the largest picture; 60 by default"
    )
    parser.add_argument(
        "--seconds", type=float, default=120, help="limit for one completion; 120 by default"
    )
    parser.add_argument("--queue", type=int, default=8, help="requests at a time; 8 by default")
    parser.add_argument("--open", action="store_true", help="open the page in the browser")
    return parser


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Reads the command line; argparse itself refuses unknown flags with exit code 2."""
    parser = make_parser()
    args = parser.parse_args(argv)
    for name in ("megabytes", "megapixels", "seconds", "queue"):
        if getattr(args, name) <= 0:
            parser.error(f"--{name}: give more than 0")
    if not math.isfinite(args.seconds) or args.seconds > LONGEST_JOB:
        parser.error(f"--seconds {args.seconds}: give {LONGEST_JOB} at most")
    if not 0 <= args.port < 2**16:
        parser.error(f"--port {args.port}: give 0 to 65535")
    return args


def run(args: argparse.Namespace) -> None:
    """Serves until Ctrl-C or SIGTERM.

    Raises:
      UserError: no such network, an address that cannot be used, or packages that are missing.
    """
    _at_endings(signal.SIG_DFL)  # while it loads, it ends at once and prints nothing
    try:
        from glcic_jax.demo import server  # an extra
    except ImportError as error:
        need = f"the page needs packages ({error.name} is missing)"
        raise missing_extra(need, "demo") from error
    from glcic_jax.demo.forms import Limits
    from glcic_jax.demo.worker import Worker

    # Take the address first, so that a mistake in it is reported before networks are loaded.
    own_names(args.name)
    limits = Limits(args.megabytes * 2**20, args.megapixels * 10**6, args.seconds, args.queue)
    with server.listen(args.host, args.port) as listening:
        worker = Worker(args.checkpoint, most_pixels=limits.pixels, seconds=limits.seconds)
        machine = (args.host, socket.gethostname())
        serving = server.make_server(server.make_app(worker, limits, args.name, machine))
        _at_endings(serving.handle_exit)
        # Print where the page is, and serve it.
        host = f"[{args.host}]" if ":" in args.host else args.host
        port = listening.getsockname()[1]
        print(f"serving {', '.join(served.name for served in worker.methods)}")
        print(f"open http://{host}:{port}/; Ctrl-C ends it", flush=True)
        if args.host not in LOOPBACK:
            print(
                f"warning: --host {args.host}: whoever reaches this machine can use the page, and "
                "their pictures travel unencrypted",
                file=sys.stderr,
                flush=True,
            )
        if args.open:  # beside the server, since a browser in the terminal stays until it is left
            address = f"http://{ANYWHERE.get(args.host, host)}:{port}/"
            threading.Thread(target=open_page, args=[address], daemon=True).start()
        serving.run(sockets=[listening])
        _at_endings(signal.SIG_IGN)


def open_page(address: str) -> None:
    """Opens an address in the user's browser, or prints that there is none."""
    if not webbrowser.open(address):
        print(f"no browser was found: open {address} yourself", file=sys.stderr, flush=True)


def _at_endings(handler: Callable[..., Any] | signal.Handlers) -> None:
    """Sets what Ctrl-C and SIGTERM do from now on."""
    for signum in ENDINGS:
        signal.signal(signum, handler)


def main(argv: list[str] | None = None) -> int:
    """Runs the command and returns its exit code: 2 for a user's mistake, reported in one line."""
    return exit_code(lambda: run(parse(argv)))


if __name__ == "__main__":
    sys.exit(main())
