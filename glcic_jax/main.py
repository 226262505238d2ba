"""Trains: python -m glcic_jax.main --config configs/places2.py --workdir runs/places2.

Starts a run, or resumes the one that is in the folder. Any field of the config can be set on the
command line: --config.data.batch_size=32.
"""

import difflib
import logging
import re
import runpy
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import jax
from absl import flags
from ml_collections import ConfigDict, config_flags

from glcic_jax.data.pipeline import make_dataset
from glcic_jax.methods import METHODS
from glcic_jax.runtime import run_folder
from glcic_jax.runtime.command_line import exit_code
from glcic_jax.runtime.devices import check_batch_size, describe, make_mesh, shard
from glcic_jax.runtime.digests import file_digest
from glcic_jax.runtime.distributed import barrier, joined, require_same
from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.launchers import Cluster
from glcic_jax.runtime.process import keep_compiled, keep_freed_memory, leave_quietly
from glcic_jax.train.interrupt import Interrupted
from glcic_jax.train.loop import train
from glcic_jax.train.report import Report
from glcic_jax.train.start import known_mean_pixel, read_start
from glcic_jax.types import phase_ends
from glcic_jax.weights.address import open_trained

MAY_DIFFER = (
    "every",
    "keep",
    "cpu_devices",
    "fsdp",
    "profile",
    "completion",
    "data.threads",
    "data.workers",
    "data.root",
    "init_from",
)
"""Fields that may change when a run is resumed: its results do not depend on them."""

PROCESS_OWN = ("data.root", "data.threads", "data.workers")
"""Fields that may differ between the processes of a run."""


def parse(about: str | None = __doc__) -> tuple[ConfigDict, Path, Cluster]:
    """Reads the command line, sys.argv; config_flags looks for overrides there and nowhere else.

    Args:
      about: the text that --help prints.

    Returns:
      The config with its overrides, the run folder, and this process's place among several.

    Raises:
      UserError: an unknown flag or field, a value of the wrong type, or no such config file.
    """
    argv, values = sys.argv, flags.FlagValues()
    config_flag = config_flags.DEFINE_config_file("config", None, "config file", flag_values=values)
    workdir_flag = flags.DEFINE_string("workdir", None, "run folder", flag_values=values)
    flags.DEFINE_string("coordinator", None, "HOST:PORT of process 0", flag_values=values)
    for name in Cluster._fields[1:]:
        default = Cluster._field_defaults[name]
        flags.DEFINE_integer(name, default, "of several processes", 0, flag_values=values)
    for arg in argv[1:]:
        if re.fullmatch(r"--?(help|h)", arg):
            print(about)
            raise SystemExit(0)
    try:
        rest = values(argv)
        if config_flag.value is not None:
            config_flag.value.items()  # reads the file: one that is missing shows only here
    except AttributeError as error:
        raise UserError(_unknown_key(argv)) from error
    except (flags.Error, TypeError, ValueError, KeyError, OSError, ImportError) as error:
        raise UserError(" ".join(str(error).split())) from error  # whole: it lists valid values
    if len(rest) > 1:
        raise UserError(f'"{rest[1]}" is not a flag: write --config FILE --workdir DIR')
    if config_flag.value is None or workdir_flag.value is None:
        raise UserError(
            "write --config FILE --workdir DIR, such as configs/places2.py runs/places2"
        )
    cluster: dict[str, Any] = {name: values[name].value for name in Cluster._fields}
    return config_flag.value, Path(workdir_flag.value), Cluster(**cluster)


def _unknown_key(argv: list[str]) -> str:
    """Returns the message for a field that the config does not have; it names the nearest one."""
    flag = next(i for i, arg in enumerate(argv) if re.match(r"--?config(=|$)", arg))
    file = argv[flag].partition("=")[2] or argv[flag + 1]
    path, *argument = file.split(":", maxsplit=1)  # FILE:ARGUMENT, as config_flags has it
    known = run_folder.dotted(runpy.run_path(path)["get_config"](*argument).to_dict())
    given = [match[1] for arg in argv if (match := re.match(r"--?config\.([^=]+)", arg))]
    unknown = next(key for key in given if key not in known)
    (nearest,) = difflib.get_close_matches(unknown, known, n=1, cutoff=0)
    return f"--config.{unknown}: the config has no such field; the nearest is --config.{nearest}"


def check(config: Any) -> None:
    """Refuses a config that contradicts itself. It runs before any picture is read.

    Raises:
      UserError: an unknown method, settings that contradict each other, no phase that trains, the
        wrong kind of pictures for the method, or a bad file that the method needs; names the field.
    """
    if config.method not in METHODS:
        raise UserError(f'method is "{config.method}": choose {" or ".join(METHODS)}')
    if not sum(config.phases.values()) > 0:
        raise UserError("all of config.phases are 0: nothing to train")
    # A trial: the mean pixel is not known yet, and no setting depends on it.
    method = METHODS[config.method](config, (0.0, 0.0, 0.0))
    if method.measured != (config.data.get("measurement") is not None):
        needs = "measured pictures: give" if method.measured else "whole pictures: leave out"
        raise UserError(f"{config.method} learns from {needs} data.measurement")
    method.prepare()


def run(config: Any, workdir: Path) -> None:
    """Trains as `config` describes. Where a run has several processes, all of them call this.

    Args:
      config: as `get_config` of a config file returns it.
      workdir: the run folder. It is made, or the run in it is resumed.

    Raises:
      UserError: a mistake in the config, the data or the run folder.
      Interrupted: SIGTERM or Ctrl-C arrived; the state is saved.
    """
    # Compare the processes, and share the batch out over the devices.
    check(config)
    fields = run_folder.dotted(config.to_dict())
    shared = {name: value for name, value in fields.items() if name not in PROCESS_OWN}
    require_same("config", shared, "start all processes with the same command")
    mesh, first = make_mesh(fsdp=config.fsdp), jax.process_index() == 0
    described = describe(mesh, config.data.batch_size)
    check_batch_size(mesh, config.data.batch_size, config.get("accumulate", 1))

    # Open what the run begins with: another run's network, the data, the method.
    fresh = not run_folder.saved_steps(workdir)
    donor = open_trained(config.init_from) if config.init_from and fresh else None
    dataset = make_dataset(
        config,
        seed=config.seed,
        place=lambda batch: shard(mesh, batch),
        mean_pixel=known_mean_pixel(config, workdir, donor),
    )
    require_same("data", dataset.listing, "let all processes read the same files")
    method = METHODS[config.method](config, dataset.mean_pixel)
    start = read_start(config, method, donor) if donor else None

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
            enabled=first,
        ) as report,
    ):
        if first:
            run_folder.claim(workdir, config.to_dict(), may_differ=MAY_DIFFER)
        require_shared(workdir)
        keep_compiled(workdir)
        report.message(f"{config.method} on {described}")
        if method.note:
            report.message(method.note)
        train(config, method, dataset, mesh, report, workdir, start)
        report.message(f"done: open {workdir / 'index.html'}")


def require_shared(workdir: Path) -> None:
    """Refuses a run folder that some processes do not see; waits until process 0 has claimed it.

    Raises:
      UserError: config.json is not there for all processes, or not the same.
    """
    barrier()
    path = workdir / run_folder.CONFIG
    found = file_digest(path)[:8] if path.is_file() else "absent"
    advice = "put --workdir on storage that all processes share"
    require_same("run folder", {str(path): found}, advice)


def main(work: Callable[[Any, Path], None] = run, about: str | None = __doc__) -> int:
    """Runs the command.

    Args:
      work: is called with the config and the run folder. Experiments train several runs in it.
      about: the text that --help prints.

    Returns:
      The exit code: 2 after a mistake of the user's, which is printed in one line; 128 + the
      signal's number after SIGTERM or Ctrl-C.
    """
    keep_freed_memory()
    leave_quietly()
    flags.FLAGS.mark_as_parsed()  # grain's worker processes read flags of their own
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")

    def train_as_asked() -> None:
        config, workdir, cluster = parse(about)
        if config.cpu_devices:
            jax.config.update("jax_num_cpu_devices", config.cpu_devices)
        with joined(cluster, workdir, Interrupted):
            work(config, workdir)

    try:
        return exit_code(train_as_asked)
    except Interrupted as error:
        return 128 + error.signum


if __name__ == "__main__":
    sys.exit(main())
