"""Evaluations by three fills, and one of them that is interrupted."""

import pytest

from glcic_jax.methods.procedural.fills import FILLS
from tests.helpers import reports

ROWS = ["telea", "laplace", "mean"]


def evaluate(files, methods=ROWS, *more, **folders):
    """Runs the command on two pictures at a time and returns its exit code."""
    return reports.evaluate(files, methods, "--batch_size", 2, *more, **folders)


def failing(name, at, monkeypatch):
    """Has a fill fail at its call number `at`, as no error of a user does."""
    fill, count = FILLS[name], iter(range(at))

    def complete(image, mask):
        if next(count, None) is None:
            raise RuntimeError("pulled the plug")
        return fill(image, mask)

    monkeypatch.setitem(FILLS, name, complete)


def interrupt(files, monkeypatch, *more):
    """Starts an evaluation that ends in the second row, after its first batch."""
    with monkeypatch.context() as patch:
        failing("laplace", 2, patch)  # after the rehearsal and one batch
        with pytest.raises(RuntimeError, match="pulled the plug"):
            evaluate(files, ROWS, *more)
