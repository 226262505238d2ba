r"""Completes photographs with a trained network.

python -m glcic_jax.complete --image photo.jpg --box 60,40,120,80 --output out.jpg
python -m glcic_jax.complete --image photo.jpg --mask mask.png --output out.jpg
python -m glcic_jax.complete --checkpoint runs/quickstart \
    --image photo.jpg --mask mask.png --output out.jpg

A box or border, and what is white in the mask, are filled. --image, --mask and --output may be folders: each picture takes the
mask of its name (photo.jpg: photo.png, photo_mask.png), or all take the one mask that is a file.
--image may be a pattern in quotes ("shots/*.jpg"), or - for standard input; --output may be - too.

The output is what the picture was: upright, with its colour profile, EXIF, 16 bits, grey or alpha,
as far as its kind of file can hold them; a JPEG keeps its quality. In PNG, TIFF and WebP files made
from lossless ones, known pixels stay bit for bit. XMP, IPTC and thumbnails are not kept.
"""

import argparse
import logging
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from glcic_jax.complete.hole_flags import add_hole_flags, check_hole_flags, hole_reader
from glcic_jax.complete.pairing import STREAM, CompletionJob, check_writable, plan
from glcic_jax.complete.photo_file import complete_job, output_stream
from glcic_jax.complete.resuming import unfinished
from glcic_jax.complete.texturing import add_texture_flags, texture_from
from glcic_jax.runtime.command_line import command_parser, exit_code
from glcic_jax.runtime.compiled import announced, keep_compiled
from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.process import choose_device, keep_freed_memory
from glcic_jax.weights.pretrained import BUNDLED

if TYPE_CHECKING:
    from glcic_jax.complete.completer import Completer

logger = logging.getLogger("glcic_jax.complete")

SETTINGS = {
    "latent_steps": "steps of the search",
    "starts": "places to search from; the best result is kept",
}
"""Settings of completing that `glcic_jax.load` takes, where the method has them."""

WAYS_TO_BLEND = ("smooth", "paper")
"""The values of --postprocess, the first where none is given: the keys of `poisson.BLENDS`, which
cannot be imported without JAX."""

FORMATS = {"jpg": ".jpg", "png": ".png", "tif": ".tif", "webp": ".webp", "bmp": ".bmp"}
"""The values of --format, with the extension of each."""


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Reads the command line; argparse itself refuses unknown flags with exit code 2."""
    parser = command_parser("glcic_jax.complete", __doc__)
    parser.add_argument(
        "--checkpoint",
        default=str(BUNDLED),
        metavar="RUN",
        help="run folder, converted weights, or hf://OWNER/NAME; by default the network that comes "
        "with the package",
    )
    parser.add_argument("--step", type=int, help="step of the checkpoint; the latest by default")
    parser.add_argument(
        "--image", type=Path, required=True, help="picture, folder or pattern of pictures, or -"
    )
    parser.add_argument("--output", type=Path, required=True, help="file, folder, or -")
    parser.add_argument(
        "--format",
        choices=FORMATS,
        help="kind of the files in an output folder or for -; by default each picture's own",
    )
    add_hole_flags(parser)
    _add_blending(parser)
    add_texture_flags(parser)
    parser.add_argument(
        "--device",
        choices=("cpu", "gpu"),
        help="where to compute; by default a GPU, if any",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="skip pictures whose output is there, whole and newer than picture and mask",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="check and list what would be done, and do nothing"
    )
    searching = parser.add_argument_group(
        "for networks that search (by default as in the config of their training)"
    )
    for name, about in SETTINGS.items():
        searching.add_argument(f"--{name}", type=int, metavar="N", help=about)
    return parser.parse_args(argv)


def _add_blending(parser: argparse.ArgumentParser) -> None:
    """Adds --postprocess [WAY] and --no-postprocess; without them `postprocess` is None."""
    parser.add_argument(
        "--postprocess",
        nargs="?",
        choices=WAYS_TO_BLEND,
        const=WAYS_TO_BLEND[0],
        help="blend the result into its surroundings: smooth (if neither is named) continues the "
        "known pixels next to the hole; paper, as GLCIC does, a fast marching fill. Without the "
        "flag: what the method does",
    )
    parser.add_argument(
        "--no-postprocess",
        action="store_const",
        const=False,
        dest="postprocess",
        help="do not blend, whatever the method does",
    )


def load_completer(args: argparse.Namespace) -> "Completer":
    """Loads the network that was asked for, on the device that was asked for.

    Raises:
      UserError: there is no such network or device.
    """
    choose_device(args.device)
    from glcic_jax.complete.load import load  # only now: --help and refusals need no JAX

    keep_compiled()
    settings = {name: getattr(args, name) for name in SETTINGS}
    given = {name: value for name, value in settings.items() if value is not None}
    # Texture is copied after it, at the photograph's own depth.
    return load(args.checkpoint, args.step, texture=False, **given)


def run(args: argparse.Namespace, stream: BinaryIO) -> int:
    """Completes everything that was asked for.

    Args:
      args: from `parse`.
      stream: standard output for bytes.

    Returns:
      The exit code: 1 if some pictures of several failed, otherwise 0.

    Raises:
      UserError: the command makes no sense, or its only picture cannot be completed.
    """
    # Pair pictures with masks and outputs; refuse what cannot work before a network is loaded.
    check_hole_flags(args)
    extension = FORMATS.get(args.format)
    jobs, failures = plan(args.image, args.mask, args.output, extension)
    many = args.image != STREAM and not args.image.is_file()
    folder = many or args.output.is_dir()
    if extension and not folder and args.output != STREAM:
        raise UserError(f"--format {args.format}: the kind of {args.output} is in its name")
    check_writable(args.output, folder=folder)
    copy_texture = texture_from(args)
    planned = len(jobs)
    if args.resume:
        jobs = unfinished(jobs)

    read_hole = hole_reader(args)

    # Complete one picture after the other; only a single one's failure ends the command.
    complete = None
    if jobs and not args.dry_run:
        complete = partial(load_completer(args), postprocess=args.postprocess)
    done = 0
    with _progress(jobs, many) if complete else nullcontext(jobs) as shown:
        for job in shown:
            try:
                complete_job(job, read_hole, complete, extension, stream, copy_texture)
                done += 1
            except UserError as error:
                if not many:
                    raise
                failures.append(str(error))
    # Report.
    for line in failures:
        print(f"failed: {line}", file=sys.stderr)
    _print_counts(args, done, planned - len(jobs), len(failures))
    return 1 if failures else 0


@contextmanager
def _progress(jobs: list[CompletionJob], many: bool) -> Iterator[Iterable[CompletionJob]]:
    """Yields the jobs; meanwhile reports that a program is compiled and how many jobs are done."""
    with announced(cache(_announce)):  # one word a command
        if not many:
            yield jobs
            return
        from tqdm import tqdm  # here, since a single picture need not wait for it
        from tqdm.contrib.logging import logging_redirect_tqdm

        with logging_redirect_tqdm():
            yield tqdm(jobs, unit="picture")


def _announce() -> None:
    logger.info("compiling for pictures of this size, once: later commands find the program")


def _print_counts(args: argparse.Namespace, done: int, skipped: int, failed: int) -> None:
    """Prints how many pictures were completed, skipped by --resume, and failed."""
    what = "would be completed" if args.dry_run else "completed"
    where = "standard output" if args.output == STREAM else args.output
    counts = [f"{done} {what}, in {where}"]
    if args.resume:
        counts.append(f"{skipped} skipped")
    if failed:
        counts.append(f"{failed} failed")
    print(", ".join(counts))


def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns its exit code: 1 if some pictures of a folder failed."""
    keep_freed_memory()
    logging.basicConfig(format="%(message)s")
    logging.getLogger("glcic_jax").setLevel(logging.INFO)  # long searches log how far they are

    def work() -> int:
        args = parse(argv)
        with output_stream(args.output) as stream:
            return run(args, stream)

    return exit_code(work)


if __name__ == "__main__":
    sys.exit(main())
