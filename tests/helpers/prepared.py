"""Prepares collections in this process, and reads what is in the folders they go to."""

from functools import partial

from glcic_jax.data.shards import read_shard_description
from glcic_jax.prepare.layouts import LAYOUTS
from glcic_jax.prepare.plan import gather_entries, make_plan
from glcic_jax.prepare.run import prepare
from glcic_jax.prepare.shard_writer import write_shard

LIMITS = {"min_edge": 8, "max_bad_fraction": 0.5}


class Here:
    """Writes shards in this process."""

    def __init__(self, listing, plan):
        self.listing, self.plan, self.skipped = listing, plan, 0

    def skip(self, pictures, bad):
        self.skipped += pictures

    def write(self, job, numbers):
        for number, entries in gather_entries(self.listing, self.plan, job.part, numbers, 1):
            write_shard(job, number, entries, lambda reason: None)


def run_here(source, output, *, size=32, shards=4, share=0.8, max_bad=0.5, writer=Here, **more):
    """Prepares a folder of pictures in this process: returns the writer and the tallies."""
    listing = partial(LAYOUTS["folder"], source)
    plan = make_plan(listing, shards=shards, train_share=share)
    writer = writer(listing, plan)
    settings = {"layout": "folder", "size": size, "min_edge": 8, "split": share, "faces": None}
    options = {"transform": None, "max_bad": max_bad} | more
    return writer, prepare(plan, writer, output, settings=settings, **options)


def files(folder):
    """Returns the bytes of the files in a folder by name, hidden ones left out."""
    return {
        path.name: path.read_bytes() for path in folder.iterdir() if not path.name.startswith(".")
    }


def names(output, part):
    """Returns the names of a part's pictures in the order of its shards."""
    described = [
        read_shard_description(output, p.stem) for p in sorted(output.glob(f"{part}*.json"))
    ]
    return [name for description in described for name in description.names]


def command(source, output, *more):
    """Returns the arguments of a command that prepares small pictures in four shards."""
    return ["--source", str(source), "--output", str(output), "--size", "32", "--shards", "4",
            "--split", "0.8", "--min_edge", "8", *more]  # fmt: skip
