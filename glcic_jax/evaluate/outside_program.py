"""Runs any program that completes one picture, behind the signature of our methods."""

import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np

from glcic_jax.pictures.decode import decode, write_picture
from glcic_jax.runtime.errors import UserError
from glcic_jax.types import PixelImage

PLACES = ("{image}", "{mask}", "{output}")
"""Places in a command line that stand for the names of files."""


def command_fill(template: str, timeout: float) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Makes a fill of a program, which is started anew for every picture.

    Args:
      template: the command line, split as a shell would, but run without one. {image} becomes the
        name of a PNG whose hole is black, {mask} of a PNG with 255 in the hole, {output} of the
        file that the program must write.
      timeout: seconds that it may take for a picture.

    Returns:
      (image, mask) -> completed, as in `methods.procedural`: float32 [b, h, w, 3] in [0, 1]. Known
      pixels are kept, whatever the program does to them. Raises UserError if the program fails,
      takes too long, or writes nothing or a picture of another size.

    Raises:
      UserError: the template lacks one of the three, or cannot be split.
    """
    lacking = [place for place in PLACES if place not in template]
    if lacking:
        raise UserError(
            f"cmd:{template}: {', '.join(lacking)} is missing: give the tool all of "
            f"{', '.join(PLACES)}"
        )
    try:
        arguments = split_command(template)
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


def split_command(template: str) -> list[str]:
    r"""Splits a command line as a POSIX shell does; on Windows a backslash is part of a path.

    Raises:
      ValueError: a quotation has no end.
    """
    lexer = shlex.shlex(template, posix=True)
    lexer.whitespace_split, lexer.commenters = True, ""
    if sys.platform == "win32":
        lexer.escape = ""
    return list(lexer)


def file_states(template: str) -> list[tuple[str, int, int]]:
    """Returns the files that a command line names, the program among them, each with its state.

    By this a program that was mended is noticed; not what it reads beside these files.

    Args:
      template: as `command_fill` takes it.

    Returns:
      (path, bytes, time of its last change in nanoseconds) of each.
    """
    arguments = split_command(template)
    files = [shutil.which(arguments[0]) or arguments[0], *arguments[1:]]
    states = []
    for file in files:
        with suppress(OSError, ValueError):
            state = Path(file).stat()
            states.append((file, state.st_size, state.st_mtime_ns))
    return states


def _run(arguments: list[str], image: PixelImage, hole: np.ndarray, timeout: float) -> PixelImage:
    """Has the program complete one picture by way of files in a folder of its own."""
    shown_command = f"cmd:{shlex.join(arguments)}"
    with tempfile.TemporaryDirectory(prefix="glcic_jax_") as folder:
        files = {place: Path(folder) / f"{place[1:-1]}.png" for place in PLACES}
        write_picture(files["{image}"], image)
        write_picture(files["{mask}"], hole.repeat(3, axis=2))
        command = arguments
        for place, file in files.items():
            command = [argument.replace(place, str(file)) for argument in command]
        code, last_line = _wait(command, timeout, shown_command)
        if code:
            raise UserError(f"{shown_command}: failed with exit code {code}: {last_line}")
        if not files["{output}"].exists():
            raise UserError(f"{shown_command}: wrote no {{output}}: {last_line}")
        completed = decode(files["{output}"])
    if completed.shape != image.shape:
        sizes = [f"{picture.shape[1]}x{picture.shape[0]}" for picture in (completed, image)]
        raise UserError(f"{shown_command}: wrote {sizes[0]} pixels for a picture of {sizes[1]}")
    return completed


def _wait(command: list[str], timeout: float, shown_command: str) -> tuple[int, str]:
    """Runs a command and returns its exit code and the last line that it printed.

    None of its processes is left behind; on Windows, which knows no groups of processes, those that
    it started in turn may be.
    """
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise UserError(f"{shown_command}: {command[0]}: {error.strerror}") from error
    try:
        output, _ = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired as error:
        raise UserError(
            f"{shown_command}: no answer in {timeout:g} s: stopped; a longer --timeout may help"
        ) from error
    finally:
        if hasattr(os, "killpg"):
            with suppress(ProcessLookupError):  # also of children that outlive the program
                os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()
    lines = output.decode(errors="replace").strip().splitlines()
    return process.returncode, lines[-1][:200] if lines else "it printed nothing"
