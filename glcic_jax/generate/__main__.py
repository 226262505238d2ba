"""Draws random pictures with a trained DCGAN: what its latent search can find to fill holes with.

python -m glcic_jax.generate --checkpoint runs/dcgan --output samples.png
python -m glcic_jax.generate --checkpoint runs/dcgan --output samples --count 256 --seed 1
python -m glcic_jax.generate --checkpoint runs/dcgan@5000 --output early.png

An OUTPUT that ends in .png is one picture of all, in rows; otherwise it is a new or empty folder of
single PNG files. The same network and seed draw the same pictures, on the same machine bit for bit;
with another --count the first of them stay the same.
"""

import argparse
import sys
from pathlib import Path

from tqdm import tqdm

from glcic_jax.complete.pairing import check_writable
from glcic_jax.pictures.decode import write_picture
from glcic_jax.runtime.command_line import command_parser, exit_code
from glcic_jax.runtime.compiled import keep_compiled
from glcic_jax.runtime.disk import whole_folder
from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.process import choose_device

SHEET = ".png"
"""The extension of an OUTPUT that is one picture of all."""


def make_parser() -> argparse.ArgumentParser:
    """Describes the flags of the command."""
    parser = command_parser("glcic_jax.generate", __doc__)
    parser.add_argument(
        "--checkpoint",
        required=True,
        metavar="RUN",
        help="run folder, RUN@STEP, converted weights, or hf://OWNER/NAME, of a DCGAN",
    )
    parser.add_argument("--step", type=int, help="step of the checkpoint; the latest by default")
    parser.add_argument("--output", type=Path, required=True, help="FILE.png, or a folder")
    parser.add_argument("--count", type=int, default=64, help="number of pictures; 64 by default")
    parser.add_argument("--seed", type=int, default=0, help="seed of the pictures; 0 by default")
    parser.add_argument(
        "--device", choices=("cpu", "gpu"), help="where to compute; by default a GPU, if any"
    )
    return parser


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Reads the command line; argparse itself refuses unknown flags with exit code 2."""
    return make_parser().parse_args(argv)


def run(args: argparse.Namespace) -> None:
    """Draws what was asked for, and writes it whole or not at all.

    Raises:
      UserError: no such network, one that does not generate, numbers that cannot be, an output that
        holds something else or cannot be written.
    """
    _check(args)
    choose_device(args.device)
    from glcic_jax.generate.drawing import draw, sheet  # only now: refusals need no JAX
    from glcic_jax.weights.address import open_trained

    keep_compiled()
    pictures = draw(open_trained(args.checkpoint, args.step), args.count, args.seed)
    shown = tqdm(pictures, total=args.count, unit="picture")
    if args.output.suffix.lower() == SHEET:
        args.output.parent.mkdir(parents=True, exist_ok=True)
        write_picture(args.output, sheet(list(shown)))
    else:
        digits = max(4, len(str(args.count - 1)))
        try:
            with whole_folder(args.output) as folder:
                for number, picture in enumerate(shown):
                    write_picture(folder / f"{number:0{digits}}{SHEET}", picture)
        except OSError as error:
            raise UserError(f"{args.output}: cannot write: {error.strerror or error}") from error
    print(f"{args.count} pictures drawn, seed {args.seed}, in {args.output}")


def _check(args: argparse.Namespace) -> None:
    """Refuses numbers and outputs that cannot be, before a network is read."""
    if args.count < 1:
        raise UserError(f"--count {args.count}: draw at least one picture")
    if not 0 <= args.seed < 2**32:
        raise UserError(f"--seed {args.seed}: choose 0 to {2**32 - 1}")
    output = args.output
    if output.suffix.lower() == SHEET:
        if output.is_dir():
            raise UserError(f"{output} is a folder: leave out {SHEET} for single files")
    elif output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise UserError(f"{output} holds something else: choose another --output")
    check_writable(output, folder=output.suffix.lower() != SHEET)


def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    return exit_code(lambda: run(parse(argv)))


if __name__ == "__main__":
    sys.exit(main())
