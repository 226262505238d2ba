r"""Completes photographs with a trained network, or with fills that need none.

python -m glcic_jax.complete --image photo.jpg --box 60,40,120,80 --output out.jpg
python -m glcic_jax.complete --image photo.jpg --click 320,200 --output out.jpg
python -m glcic_jax.complete --image photo.jpg --mask mask.png --output out.jpg --method telea
python -m glcic_jax.complete --image shots --mask masks --output completed --resume
python -m glcic_jax.complete --checkpoint runs/quickstart \
    --image photo.jpg --border 0,0,64,0 --output out.jpg --preview

A box, a border, the thing at a click, and what is white in the mask are filled. --image, --mask
and --output may be folders: each picture takes the mask of its name (photo.jpg: photo.png,
photo_mask.png), or all take the one mask that is a file. --image may be a pattern in quotes
("shots/*.jpg"), or - for standard input; --output may be - too.

The output is what the picture was: upright, with its colour profile, EXIF, 16 bits, grey or alpha,
as far as its kind of file can hold them; a JPEG keeps its quality. In PNG, TIFF and WebP files made
from lossless ones, known pixels stay bit for bit. XMP, IPTC and thumbnails are not kept.
"""

import argparse
import logging
import sys
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from glcic_jax.complete.hole_flags import add_hole_flags, check_hole_flags, hole_reader
from glcic_jax.complete.network_flags import (
    add_network_flags,
    add_setting_flags,
    check_network_flags,
    given_settings,
)
from glcic_jax.complete.pairing import STREAM, check_writable, is_one, plan, with_previews
from glcic_jax.complete.photo_file import complete_job, output_stream
from glcic_jax.complete.progress import print_counts, progress
from glcic_jax.complete.resuming import unfinished
from glcic_jax.complete.texturing import FillPhoto, add_texture_flags, photo_fill, texture_from
from glcic_jax.complete.without_network import PATCHMATCH, PlainFill, add_method_flag, check_method
from glcic_jax.methods.procedural.poisson import BLENDS
from glcic_jax.runtime.aside import aside, leave
from glcic_jax.runtime.command_line import command_parser, exit_code, stopping_at_once
from glcic_jax.runtime.compiled import keep_compiled
from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.process import choose_device, keep_freed_memory, without_collection
from glcic_jax.weights.pretrained import BUNDLED

if TYPE_CHECKING:
    from glcic_jax.complete.completer import Completer

WAYS_TO_BLEND = tuple(BLENDS)
"""The values of --postprocess, the first where none is given."""

FORMATS = {"jpg": ".jpg", "png": ".png", "tif": ".tif", "webp": ".webp", "bmp": ".bmp"}
"""The values of --format, with the extension of each."""


def make_parser() -> argparse.ArgumentParser:
    """Describes the flags of the command."""
    parser = command_parser("glcic_jax.complete", __doc__)
    add_network_flags(parser)
    add_method_flag(parser)
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
    parser.add_argument(
        "--preview",
        action="store_true",
        help="also write OUTPUT_preview.png: the picture with its holes marked beside the result",
    )
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
    add_setting_flags(parser)
    return parser


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Reads the command line; argparse itself refuses unknown flags with exit code 2.

    Raises:
      UserError: flags that do not go together.
    """
    args = make_parser().parse_args(argv)
    check_hole_flags(args)
    check_method(args)
    check_network_flags(args)
    if args.checkpoint is None:
        args.checkpoint = str(BUNDLED)
    return args


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


def load_completer(args: argparse.Namespace) -> "Completer | PlainFill | None":
    """Loads the network that was asked for, on the device that was asked for.

    Returns:
      What completes pictures: the network, or what --method names. None = texture alone.

    Raises:
      UserError: there is no such network or device.
    """
    choose_device(args.device)
    if args.method and args.method != PATCHMATCH and not args.texture:
        return PlainFill(args.method)  # without JAX
    keep_compiled()
    if args.method:
        return None if args.method == PATCHMATCH else PlainFill(args.method)
    from glcic_jax.complete.load import load  # only now: --help and refusals need no JAX

    # Texture is copied after it, at the photograph's own depth.
    return load(args.checkpoint, args.step, texture=False, **given_settings(args))


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
    extension = FORMATS.get(args.format)
    jobs, failures = plan(args.image, args.mask, args.output, extension)
    if args.preview:
        jobs = with_previews(jobs)
    many = not is_one(args.image)
    folder = many or args.output.is_dir()
    check_writable(args.output, folder=folder)
    if extension and not folder and args.output != STREAM:
        raise UserError(f"--format {args.format}: the kind of {args.output} is in its name")
    copy_texture = texture_from(args)
    planned = len(jobs)
    if args.resume:
        jobs = unfinished(jobs)

    read_hole = hole_reader(args)

    # Complete one picture after the other; only a single one's failure ends the command.
    fill, compiles = None, False
    if jobs and not args.dry_run:
        with stopping_at_once(), without_collection():
            completer = load_completer(args)
        compiles = not isinstance(completer, PlainFill) or copy_texture is not None
        complete = completer and partial(completer, postprocess=args.postprocess)
        fill = _answering_signals(photo_fill(complete, copy_texture))
    done = 0
    with progress(jobs, many=many, compiles=compiles) if fill else nullcontext(jobs) as shown:
        for job in shown:
            try:
                complete_job(job, read_hole, fill, extension, stream)
                done += 1
            except UserError as error:
                if not many:
                    raise
                failures.append(str(error))
    # Report.
    for line in failures:
        print(f"failed: {line}", file=sys.stderr)
    print_counts(args, done, planned - len(jobs), len(failures))
    return 1 if failures else 0


def _answering_signals(fill: FillPhoto) -> FillPhoto:
    """Lets Ctrl-C end the command at once, also where one step of a fill takes seconds."""
    return lambda *photo: aside(lambda: fill(*photo), check=lambda: None)


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
    leave(main())  # at once, where Ctrl-C broke off a picture
