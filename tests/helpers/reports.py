"""Runs the command on the files of a test, and reads what it leaves."""

from glcic_jax.evaluate.__main__ import main
from glcic_jax.evaluate.examples import HOLE_KINDS


def evaluate(files, methods, *more, masks="masks", output="report", data="data"):
    """Runs the command on folders of `files` and returns its exit code."""
    masks = masks if masks in HOLE_KINDS else files / masks
    flags = ["--methods", *methods, "--data", files / data, "--masks", masks]
    return main([str(f) for f in [*flags, "--output", files / output, *more]])


def contents(folder):
    """Returns the bytes of all files below a folder, by their path in it."""
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
