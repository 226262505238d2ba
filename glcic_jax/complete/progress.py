"""Reports how far the command is, and what it did. Needs no JAX where nothing is compiled."""

import argparse
import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from functools import cache

from glcic_jax.complete.pairing import STREAM, CompletionJob
from glcic_jax.runtime.bars import bar
from glcic_jax.runtime.compiled import announced

logger = logging.getLogger("glcic_jax.complete")


@contextmanager
def progress(
    jobs: list[CompletionJob], *, many: bool, compiles: bool
) -> Iterator[Iterable[CompletionJob]]:
    """Yields the jobs; meanwhile reports that a program is compiled and how many jobs are done.

    Args:
      jobs: the pictures to complete.
      many: whether a bar shows how many are done.
      compiles: whether they are completed by JAX, whose programs may have to be compiled.
    """
    with announced(cache(_announce)) if compiles else nullcontext():  # one word a command
        if not many:
            yield jobs
            return
        from tqdm.contrib.logging import logging_redirect_tqdm

        with logging_redirect_tqdm():
            yield bar(jobs)


def _announce() -> None:
    logger.info("compiling for pictures of this size, once: later commands find the program")


def print_counts(args: argparse.Namespace, done: int, skipped: int, failed: int) -> None:
    """Prints how many pictures were completed, skipped by --resume, and failed."""
    what = "would be completed" if args.dry_run else "completed"
    where = "standard output" if args.output == STREAM else args.output
    counts = [f"{done} {what}, in {where}"]
    if args.resume:
        counts.append(f"{skipped} skipped")
    if failed:
        counts.append(f"{failed} failed")
    print(", ".join(counts))
