r"""Completes photographs with a trained network.

python -m glcic_jax.complete --checkpoint runs/quickstart \
    --image photo.jpg --mask mask.png --output out.png

White in the mask is filled. --image, --mask and --output may be folders: each picture takes the
mask of its name (photo.jpg: photo.png, photo_mask.png), or all take the one mask that is a file.
"""

import argparse
import logging
import os
import sys
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from glcic_jax.command_line import command_parser, exit_code
from glcic_jax.data.decode import EXTENSIONS, decode, decode_mask, write
from glcic_jax.errors import UserError
from glcic_jax.process import keep_compiled, keep_freed_memory

SETTINGS = {
    "latent_steps": "steps of the search",
    "starts": "places to search from; the best result is kept",
}
"""Settings of completing that `glcic_jax.load` takes, where the method has them."""


class Job(NamedTuple):
    """One picture to complete."""

    image: Path
    mask: Path
    output: Path


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Reads the command line; argparse itself refuses unknown flags with exit code 2."""
    parser = command_parser("glcic_jax.complete", __doc__)
    parser.add_argument(
        "--checkpoint", required=True, help="run folder, converted weights, or hf://OWNER/NAME"
    )
    parser.add_argument("--step", type=int, help="step of the checkpoint; the latest by default")
    parser.add_argument("--image", type=Path, required=True, help="picture, or folder of pictures")
    parser.add_argument("--mask", type=Path, required=True, help="mask or folder; white = fill")
    parser.add_argument("--output", type=Path, required=True, help="file, or folder")
    parser.add_argument(
        "--postprocess",
        action=argparse.BooleanOptionalAction,
        help="blend the result into its surroundings; what the method does by default",
    )
    searching = parser.add_argument_group(
        "networks that search; as in training's config by default"
    )
    for name, about in SETTINGS.items():
        searching.add_argument(f"--{name}", type=int, metavar="N", help=about)
    return parser.parse_args(argv)


def plan(image: Path, mask: Path, output: Path) -> tuple[list[Job], list[str]]:
    """Pairs pictures, masks and outputs; also a line for each picture left without a mask.

    Raises:
      UserError: something is missing, or one picture meets several masks.
    """
    for path in (image, mask):
        if not path.exists():
            raise UserError(f"{path}: no such file or folder")
    if not image.is_dir():
        if mask.is_dir():
            raise UserError(f"{mask} is a folder and {image} one picture: give one mask")
        target = output / f"{image.stem}.png" if output.is_dir() else output
        return [Job(image, mask, target)], []
    if output.exists() and not output.is_dir():
        raise UserError(f"{output} is a file: give a folder for the pictures of {image}")
    images = _pictures(image)
    if not images:
        raise UserError(f"{image}: no pictures in this folder ({', '.join(sorted(EXTENSIONS))})")
    masks = {path.stem: path for path in _pictures(mask)} if mask.is_dir() else {}
    stems = [path.stem for path in images]
    jobs, failures = [], []
    for path in images:
        name = f"{path.stem}.png" if stems.count(path.stem) == 1 else f"{path.name}.png"
        if not mask.is_dir():
            jobs.append(Job(path, mask, output / name))
        elif found := masks.get(path.stem) or masks.get(f"{path.stem}_mask"):
            jobs.append(Job(path, found, output / name))
        else:
            failures.append(f"{path}: {mask} holds no mask {path.stem}.* or {path.stem}_mask.*")
    return jobs, failures


def _pictures(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in EXTENSIONS and p.is_file())


def check_writable(output: Path, *, folder: bool) -> None:
    """Refuses an output that cannot be written, before anything is computed.

    Raises:
      UserError: the folder cannot be made or written, or the file's kind is unknown.
    """
    if not folder and output.suffix.lower() not in EXTENSIONS:
        raise UserError(f"{output}: unknown kind of file; write {', '.join(sorted(EXTENSIONS))}")
    target = output if folder else output.parent
    existing = next(p for p in (target, *target.absolute().parents) if p.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        raise UserError(f"{existing}: cannot write there; choose another --output")


def run(args: argparse.Namespace) -> int:
    """Completes everything that was asked for; 1 if some of it failed."""
    jobs, failures = plan(args.image, args.mask, args.output)
    many = args.image.is_dir()
    check_writable(args.output, folder=many or args.output.is_dir())
    from glcic_jax.inference import load  # only now: --help and refusals need no JAX

    if Path(args.checkpoint).is_dir():
        keep_compiled(Path(args.checkpoint))
    settings = {name: getattr(args, name) for name in SETTINGS}
    given = {name: value for name, value in settings.items() if value is not None}
    completer = load(args.checkpoint, args.step, **given)
    done = 0
    for job in tqdm(jobs, unit="picture", disable=not many):
        try:
            image, mask = decode(job.image), decode_mask(job.mask)
            if image.shape[:2] == mask.shape and not mask.any():
                tqdm.write(f"{job.mask}: the mask is empty, {job.image} is copied as it is")
            try:
                completed = completer(image, mask, args.postprocess)
            except UserError as error:
                raise UserError(f"{job.image}, {job.mask}: {error}") from error
            job.output.parent.mkdir(parents=True, exist_ok=True)
            write(job.output, completed)
            done += 1
        except UserError as error:
            if not many:
                raise
            failures.append(str(error))
    for line in failures:
        print(f"failed: {line}", file=sys.stderr)
    print(f"{done} completed, in {args.output}" + f", {len(failures)} failed" * bool(failures))
    return 1 if failures else 0


def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns its exit code: 1 if some pictures of a folder failed."""
    keep_freed_memory()
    logging.basicConfig(format="%(message)s")
    logging.getLogger("glcic_jax").setLevel(logging.INFO)  # long searches tell how far they are
    with logging_redirect_tqdm():
        return exit_code(lambda: run(parse(argv)))


if __name__ == "__main__":
    sys.exit(main())
