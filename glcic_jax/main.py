"""Trains as a config describes: starts a run, or resumes the one that is in the folder.

    python -m glcic_jax.main --config configs/places2.py --workdir runs/places2

Any field of the config can be set on the command line; naming a kind brings its defaults:

    python -m glcic_jax.main --config quickstart --workdir runs/small --config.width=8
    python -m glcic_jax.main --config places2 --workdir runs/adam --config.optimizer.name=adam
    python -m glcic_jax.main --config reduced --workdir runs/three --seeds 3
    python -m glcic_jax.main --config pconv_places2:256 --help_config
"""

import argparse
import logging
from collections.abc import Callable
from contextlib import nullcontext
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
from absl import flags
from ml_collections import ConfigDict

from glcic_jax.data.pipeline import make_dataset
from glcic_jax.methods.by_name import METHODS
from glcic_jax.metrics.held_out import HeldOutScores
from glcic_jax.runtime import process, run_folder
from glcic_jax.runtime.aside import leave
from glcic_jax.runtime.command_line import command_parser, exit_code
from glcic_jax.runtime.compiled import announced, keep_compiled
from glcic_jax.runtime.devices import check_batch_size, describe, make_mesh, shard
from glcic_jax.runtime.distributed import barrier, joined, require_same
from glcic_jax.runtime.errors import UserError, blaming
from glcic_jax.runtime.fields import dotted
from glcic_jax.runtime.launchers import FLAGS, Cluster, detect
from glcic_jax.runtime.provenance import describe_start
from glcic_jax.settings.check import check, with_defaults
from glcic_jax.settings.config_files import read_config_file
from glcic_jax.settings.document import config_table
from glcic_jax.settings.overrides import override, split_overrides
from glcic_jax.train.claim import claim_run, require_shared
from glcic_jax.train.interrupt import Interrupted
from glcic_jax.train.loop import train
from glcic_jax.train.report import Report
from glcic_jax.train.seeds import Seeds, train_seeds
from glcic_jax.train.start import known_mean_pixel, read_start
from glcic_jax.types import phase_ends
from glcic_jax.weights.address import open_trained

PROCESS_OWN = (
    "data.root",
    "data.more_roots",
    "data.held_out_sets",
    "data.threads",
    "data.workers",
)
"""Fields that may differ between the processes of a run."""

COMPILING = "compiling, once: later runs find the programs"
"""What is reported when the first program is compiled."""


class Command(NamedTuple):
    """Holds what a command line asks for.

    Attributes:
      config: the config with its overrides.
      workdir: the run folder.
      cluster: this process's place among several.
      accept_data: whether a run may go on with other pictures than before.
      seeds: how many runs, each with a seed of its own, and how many of them at once.
    """

    config: ConfigDict
    workdir: Path
    cluster: Cluster = Cluster()
    accept_data: bool = False
    seeds: Seeds = Seeds()


def make_parser(
    about: str | None = __doc__, module: str = "glcic_jax.main"
) -> argparse.ArgumentParser:
    """Describes the flags of the command; --config.FIELD=VALUE are not among them."""
    parser = command_parser(module, about)
    parser.allow_abbrev = False  # --config.FIELD is no abbreviation
    parser.add_argument("--config", metavar="FILE", help="a config file, or a shipped one's name")
    parser.add_argument("--workdir", metavar="DIR", help="run folder")
    parser.add_argument(
        "--help_config", action="store_true", help="print the fields of the config and leave"
    )
    parser.add_argument(
        "--accept_data", action="store_true", help="resume although the pictures are others"
    )
    parser.add_argument(
        "--seeds", type=int, default=1, metavar="N", help="train N runs: DIR/seed0, DIR/seed1 ..."
    )
    parser.add_argument(
        "--at_once",
        type=int,
        default=1,
        metavar="M",
        help="M of them side by side, each on its share of the GPUs, or of the cores",
    )
    parser.add_argument("--only_seed", type=int, metavar="SEED", help="train this one of them")
    for name, (kind, metavar, what) in FLAGS.items():
        default = Cluster._field_defaults[name]
        parser.add_argument(f"--{name}", type=kind, default=default, metavar=metavar, help=what)
    return parser


def parse(about: str | None = __doc__, module: str = "glcic_jax.main") -> Command:
    """Reads the command line, sys.argv.

    Args:
      about: the text that --help prints.
      module: the name by which --help calls the command.

    Raises:
      UserError: an unknown flag or field, a value of the wrong type, or no such config file.
      SystemExit: after --help and --help_config, and where a flag lacks its value.
    """
    known, words = make_parser(about, module).parse_known_args()
    given, rest = split_overrides(words)
    if rest:
        raise UserError(f'"{rest[0]}" is not a flag: write --config FILE --workdir DIR')
    if not known.config or not (known.workdir or known.help_config):
        raise UserError(
            "write --config FILE --workdir DIR, such as configs/places2.py runs/places2"
        )
    config = override(read_config_file(known.config), given)
    if known.help_config:
        print(config_table(config))
        raise SystemExit(0)
    cluster = Cluster(**{name: getattr(known, name) for name in Cluster._fields})
    seeds = Seeds(known.seeds, known.at_once, known.only_seed)
    for flag, count in (("--seeds", seeds.number), ("--at_once", seeds.at_once)):
        if count < 1:
            raise UserError(f"{flag} {count}: give at least 1")
    if seeds.number == 1 and seeds != Seeds():
        raise UserError("--at_once and --only_seed are of several seeds: give --seeds N too")
    if seeds.at_once > 1 and seeds.only is None and detect(cluster):
        raise UserError("--at_once starts processes itself, on one machine: start it as one")
    return Command(config, Path(known.workdir), cluster, known.accept_data, seeds)


def run(config: Any, workdir: Path, accept_data: bool = False) -> None:
    """Trains as `config` describes. Where a run has several processes, all of them call this.

    Args:
      config: as `get_config` of a config file returns it.
      workdir: the run folder. It is made, or the run in it is resumed.
      accept_data: whether a run may go on with other pictures than before.

    Raises:
      UserError: a mistake in the config, the data or the run folder.
      Interrupted: SIGTERM or Ctrl-C arrived; the state is saved.
    """
    # Compare the processes, and share the batch out over the devices.
    config = ConfigDict(with_defaults(config.to_dict()))
    saved = run_folder.saved_steps(workdir)
    check(config, begun=bool(saved))
    plain = config.to_dict()
    shared = {name: value for name, value in dotted(plain).items() if name not in PROCESS_OWN}
    require_same("config", shared, "start all processes with the same command")
    mesh, first = make_mesh(fsdp=config.fsdp), jax.process_index() == 0
    described = describe(mesh, config.data.batch_size)
    check_batch_size(mesh, config.data.batch_size, config.get("accumulate", 1))

    # Open what the run begins with: another run's network, the data, the method.
    with blaming("init_from"):
        donor = open_trained(config.init_from) if config.init_from and not saved else None
    pixel = known_mean_pixel(config, workdir, donor)
    dataset = make_dataset(config, seed=config.seed, place=partial(shard, mesh), mean_pixel=pixel)
    require_same("data", dataset.listing, "let all processes read the same files")
    method = METHODS[config.method](config, dataset.mean_pixel)
    start = read_start(config, method, donor) if donor else None
    measure = HeldOutScores(config.scores, config.data.crop)
    barrier()  # a process that lacks something ends all of them here

    # Claim the run folder and train. Nothing is written before this line.
    names = [phase.name for phase in method.phases]
    with (
        run_folder.lock(workdir) if first else nullcontext(),
        Report(
            workdir,
            title=workdir.name,
            total_steps=phase_ends(method.phases)[-1],
            batch_size=config.data.batch_size,
            phase_ends=tuple(zip(names, phase_ends(method.phases), strict=True)),
            trackers=config.trackers,
            enabled=first,
        ) as report,
    ):
        lines = [f"{config.method} on {described}", method.note]
        if first:
            started = describe_start(max(saved, default=0), described, dataset.listing)
            lines += claim_run(workdir, plain, started, phases=names, accept_data=accept_data)
        require_shared(workdir)
        for line in filter(None, lines):
            report.message(line)
        with announced(cache(partial(report.message, COMPILING))):  # of the first alone
            train(config, method, dataset, mesh, report, workdir, measure, start)
        report.message(f"done: open {workdir / 'index.html'}")


def main(
    work: Callable[[Any, Path, bool], None] = run,
    about: str | None = __doc__,
    module: str = "glcic_jax.main",
) -> int:
    """Runs the command.

    Args:
      work: is called as `run` is. Experiments train several runs in it.
      about: the text that --help prints.
      module: the name by which --help calls the command.

    Returns:
      The exit code: 2 after a mistake of the user's, which is printed in one line; 128 + the
      signal's number after SIGTERM or Ctrl-C.
    """
    process.keep_freed_memory()
    keep_compiled()
    process.leave_quietly()
    process.end_with_starter()
    process.stop_by_sigterm()  # until the loop is there to save
    flags.FLAGS.mark_as_parsed()  # grain's worker processes read flags of their own
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")

    def train_as_asked() -> int | None:
        config, workdir, cluster, accept_data, seeds = parse(about, module)
        devices = config.get("cpu_devices", 0)
        if type(devices) is int and devices > 0:  # `check` refuses all else
            jax.config.update("jax_num_cpu_devices", devices)
        with joined(cluster, workdir, Interrupted):
            if seeds.number > 1:
                return train_seeds(work, config, workdir, seeds, accept_data)
            return work(config, workdir, accept_data)

    try:
        return exit_code(train_as_asked)
    except Interrupted as error:
        return error.code


if __name__ == "__main__":
    leave(main())
