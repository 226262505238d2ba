"""Finds the pictures that an earlier command has completed. Needs no JAX."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from glcic_jax.complete.pairing import STREAM, CompletionJob
from glcic_jax.pictures.decode import decode
from glcic_jax.runtime.errors import UserError

READERS = 4
"""Threads that decode outputs. Each holds one picture at a time."""


def unfinished(jobs: Sequence[CompletionJob]) -> list[CompletionJob]:
    """Returns the jobs that are still to be done, in their order.

    Done is a job whose output, and preview if it has one, decode to their ends and are not older
    than the picture and its mask.
    What the output was made with is not known: another network or mask setting is not noticed.

    Args:
      jobs: pictures in files.

    Raises:
      UserError: standard input or output is among them.
    """
    if any(STREAM in (job.image, job.output) for job in jobs):
        raise UserError("--resume skips outputs that are there: it takes files, not -")
    with ThreadPoolExecutor(READERS) as pool:
        done = list(pool.map(_is_done, jobs))
    return [job for job, already in zip(jobs, done, strict=True) if not already]


def _is_done(job: CompletionJob) -> bool:
    try:
        sources = filter(None, (job.image, job.mask))
        newest = max(source.stat().st_mtime_ns for source in sources)
        for written in filter(None, (job.output, job.preview)):
            if written.stat().st_mtime_ns < newest:
                return False
            decode(written)
    except (OSError, UserError):
        return False  # absent, or damaged; of a source that is gone the job itself reports it
    return True
