"""Any program that completes one picture, behind the signature of our methods."""

import os
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np

from glcic_jax.pictures.decode import decode, write
from glcic_jax.runtime.errors import UserError
from glcic_jax.types import PixelImage

PLACES = ("{image}", "{mask}", "{output}")


def command_fill(template: str, timeout: float) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """A fill by a program that is started for every picture.

    Args:
      template: the command line, split as a shell would, but run without one. {image} becomes the
        name of a PNG whose hole is black, {mask} of a PNG with 255 in the hole, {output} of the
        file that the program must write.
      timeout: seconds that it may take for a picture.

    Returns:
      (image, mask) -> completed, as in `methods.procedural`. Known pixels are kept, whatever the
      program does to them. Raises UserError if the program fails, takes too long, or writes
      nothing or a picture of another size.

    Raises:
      UserError: the template lacks one of the three, or cannot be split.
    """
    lacking = [place for place in PLACES if place not in template]
    if lacking:
        raise UserError(
            f"cmd:{template}: {', '.join(lacking)} is missing: the tool needs all of it"
        )
    try:
        arguments = shlex.split(template)
    except ValueError as error:
        raise UserError(f"cmd:{template}: {error}") from error

    def fill(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
        pixels = np.rint(np.where(mask > 0, 0, image) * 255).astype(np.uint8)
        holes = (mask > 0).astype(np.uint8) * 255
        filled = [
            _run(arguments, picture, hole, timeout)
            for picture, hole in zip(pixels, holes, strict=True)
        ]
        return np.where(mask > 0, np.stack(filled).astype(np.float32) / 255, image)

    return fill


def _run(arguments: list[str], image: PixelImage, hole: np.ndarray, timeout: float) -> PixelImage:
    told = f"cmd:{shlex.join(arguments)}"
    with tempfile.TemporaryDirectory(prefix="glcic_jax_") as folder:
        files = {place: Path(folder) / f"{place[1:-1]}.png" for place in PLACES}
        write(files["{image}"], image)
        write(files["{mask}"], hole.repeat(3, axis=2))
        command = arguments
        for place, file in files.items():
            command = [argument.replace(place, str(file)) for argument in command]
        code, said = _wait(command, timeout, told)
        if code:
            raise UserError(f"{told}: failed with exit code {code}: {said}")
        if not files["{output}"].exists():
            raise UserError(f"{told}: wrote no {{output}}: {said}")
        completed = decode(files["{output}"])
    if completed.shape != image.shape:
        sizes = [f"{picture.shape[1]}x{picture.shape[0]}" for picture in (completed, image)]
        raise UserError(f"{told}: wrote {sizes[0]} pixels for a picture of {sizes[1]}")
    return completed


def _wait(command: list[str], timeout: float, told: str) -> tuple[int, str]:
    """The exit code and the last line of what it said. None of its processes is left behind."""
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise UserError(f"{told}: {command[0]}: {error.strerror}") from error
    try:
        output, _ = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired as error:
        raise UserError(
            f"{told}: no answer in {timeout:g} s: stopped; a longer --timeout may help"
        ) from error
    finally:
        with suppress(ProcessLookupError):  # also of children that outlive the program
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdout:
            process.stdout.close()
    lines = output.decode(errors="replace").strip().splitlines()
    return process.returncode, lines[-1][:200] if lines else "it said nothing"
