"""Writes shards with Apache Beam, for collections that are too large for one machine."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from glcic_jax.data.shards import Part
from glcic_jax.prepare.entries import Entry
from glcic_jax.prepare.plan import Listing, Plan, key_of
from glcic_jax.prepare.shard_writer import ShardJob, write_shard
from glcic_jax.runtime.extras import missing_extra

RUNNERS = {
    "direct": "DirectRunner",
    "flink": "FlinkRunner",
    "spark": "SparkRunner",
    "dataflow": "DataflowRunner",
}


class Beam:
    """Writes the shards of a part in one pipeline: list, group by shard, write.

    Source and output must be visible to all of Beam's workers.
    """

    def __init__(self, listing: Listing, plan: Plan, runner: str, options: list[str]) -> None:
        """Checks that Beam is installed.

        Args:
          listing: lists the source.
          plan: the plan that was made of it.
          runner: a key of RUNNERS.
          options: Beam's own command line flags.

        Raises:
          UserError: Beam is not installed.
        """
        try:
            import apache_beam  # noqa: F401 # pyright: ignore[reportMissingImports]
        except ImportError as error:
            raise missing_extra("--runner needs Apache Beam", "beam") from error
        self._listing, self._plan = listing, plan
        self._flags = [f"--runner={RUNNERS[runner]}", *options]

    def skip(self, pictures: int, bad: int) -> None:
        """Does nothing: Beam has its own progress bar."""

    def write(self, job: ShardJob, numbers: list[int]) -> None:
        """Writes the shards of these numbers."""
        if not numbers:
            return
        import apache_beam as beam  # pyright: ignore[reportMissingImports]
        from apache_beam.options import pipeline_options  # pyright: ignore[reportMissingImports]

        with beam.Pipeline(options=pipeline_options.PipelineOptions(self._flags)) as pipeline:
            _ = (
                pipeline
                | beam.Create([None])
                | "list" >> beam.FlatMap(partial(_placed, self._listing, self._plan, job.part))
                | "missing" >> beam.Filter(partial(_is_of, frozenset(numbers)))
                | "by shard" >> beam.GroupByKey()
                | "write" >> beam.Map(partial(_write, job))
            )


def _placed(listing: Listing, plan: Plan, part: Part, start: None) -> Iterable[tuple[int, Entry]]:
    del start
    for entry in listing():
        where, number = plan.place(entry)
        if where == part:
            yield number, entry


def _is_of(numbers: frozenset[int], placed: tuple[int, Entry]) -> bool:
    return placed[0] in numbers


def _write(job: ShardJob, shard: tuple[int, Iterable[Entry]]) -> None:
    number, entries = shard
    write_shard(job, number, sorted(entries, key=lambda entry: key_of(entry.name)), _ignore)


def _ignore(reason: str | None) -> None:
    del reason
