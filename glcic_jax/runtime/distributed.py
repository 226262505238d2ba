"""Several processes as one run: who they are, that they agree, and that they end together."""

import json
import os
import re
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import jax
from jax._src.clusters import ClusterEnv  # what jax.distributed.initialize finds out by itself
from jax.stages import Wrapped

from glcic_jax.runtime.command_line import told
from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.peers import Peers

LAUNCHED = ("SLURM_STEP_NODELIST", "OMPI_MCA_orte_hnp_uri", "JOB_COMPLETION_INDEX")
"""Variables that SLURM, Open MPI 4 and Kubernetes set in a process that may be one of several."""

GRACE = 3.0
"""Seconds that an exception waits for a better reason: steps fail when another process is lost."""

SHORTEST_SILENCE = 5
"""Seconds; signs of life come every second, but a busy machine may be late."""

Given = tuple[str | None, int | None, int | None]
"""Coordinator, number of processes, number of this one."""

_peers: Peers | None = None


class DifferError(UserError):
    """The processes do not agree; all of them raise it."""


class Cluster(NamedTuple):
    """How to find the other processes, as the command line has it; None: to be detected.

    coordinator: HOST:PORT of process 0. The next port is used too.
    num_processes: of the run; 1 = alone, whatever started this process.
    process_id: of this process, from 0 on.
    initialization_timeout: seconds until all processes must be there.
    heartbeat_timeout: seconds of silence after which a process counts as lost.
    """

    coordinator: str | None = None
    num_processes: int | None = None
    process_id: int | None = None
    initialization_timeout: int = 300
    heartbeat_timeout: int = 60


@contextmanager
def joined(cluster: Cluster, *orderly: type[BaseException]) -> Iterator[None]:
    """Makes this process one of several, if it is, and ends them together.

    To be entered before anything wakes JAX's devices. If the body raises, all processes end, each
    after a line that says where it began.

    Args:
      cluster: what the command line says.
      orderly: exceptions that all processes raise alike.

    Raises:
      UserError: the processes did not find each other.
    """
    global _peers  # noqa: PLW0603 - like JAX's own runtime, one per process
    found = detect(cluster)
    if found is None:
        yield
        return
    host, port, count, index = found
    seconds, silence = cluster.initialization_timeout, cluster.heartbeat_timeout
    beside = (host, port + 1 if port < 2**16 - 1 else port - 1)
    _peers = Peers(beside, count, index, start_seconds=seconds, silent_seconds=silence)
    try:
        jax.distributed.initialize(
            f"{host}:{port}",
            count,
            index,
            local_device_ids=local_devices(os.environ),
            cluster_detection_method="deactivate",
            initialization_timeout=seconds,
            heartbeat_timeout_seconds=2 * silence,  # ours finds out first, and names it
        )
        yield
    except (DifferError, *orderly):
        _peers.leave()
        raise
    except BaseException as error:
        line = told(error)
        if line is not None:
            _peers.fail(line, getattr(error, "code", UserError.code))
        time.sleep(GRACE)
        traceback.print_exc()
        _peers.fail(f"{type(error).__name__}: {' '.join(str(error).split())[:300]}", 1)
    _peers.leave()


def gather(value: Any) -> list:
    """What every process gave, in their order; waits for all of them.

    Args:
      value: as JSON has it.
    """
    value = json.loads(json.dumps(value))  # here too: lists for tuples
    return [value] if _peers is None else _peers.gather(value)


def compiled_together(function: Wrapped, **static: Any) -> Callable:
    """The jitted function, with these static arguments, for arguments of one kind.

    With several processes all compile it before one calls it: who is first would wait for the
    others' part of it, and on CPUs that is an error after 30 seconds.
    """
    program = None

    def call(*arguments: Any) -> Any:
        nonlocal program
        if _peers is None:
            return function(*arguments, **static)
        if program is None:
            program = function.lower(*arguments, **static).compile()
            gather(None)
        return program(*arguments)

    return call


def detect(cluster: Cluster) -> tuple[str, int, int, int] | None:
    """Host and port of process 0, number of processes, number of this one; None: alone.

    Raises:
      UserError: only a part of it is known, or it cannot be.
    """
    given = (cluster.coordinator, cluster.num_processes, cluster.process_id)
    if cluster.num_processes == 1 or not _started_as_one_of_several(given):
        return None
    if cluster.heartbeat_timeout < SHORTEST_SILENCE:
        raise UserError(f"--heartbeat_timeout: {SHORTEST_SILENCE} seconds at least")
    if None in given:
        given = _detected(given, cluster.initialization_timeout)
    coordinator, count, index = given
    if coordinator is None or count is None or index is None:
        names = ("--coordinator HOST:PORT", "--num_processes N", "--process_id I")
        missing = [name for name, value in zip(names, given, strict=True) if value is None]
        raise UserError(
            f"this process is one of several, but not told all: add {' '.join(missing)}, or "
            "--num_processes 1 to train alone"
        )
    host, _, port = coordinator.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 2**16:
        raise UserError(f'--coordinator is "{coordinator}": write HOST:PORT of process 0')
    if not 0 <= index < count:
        raise UserError(f"--process_id {index} of {count}: number them from 0 to {count - 1}")
    return (host.strip("[]"), int(port), count, index) if count > 1 else None


def local_devices(environment: Mapping[str, str]) -> list[int] | None:
    """Numbers of the GPUs that this process takes; empty: all that it sees. None: JAX's variable.

    One process per node takes all, several take one each, unless SLURM has dealt them out already.
    """
    if "JAX_LOCAL_DEVICE_IDS" in environment:
        return None
    dealt = "SLURM_GPUS_PER_TASK" in environment or "SLURM_GPU_BIND" in environment
    for beside, own in (
        ("SLURM_STEP_TASKS_PER_NODE", "SLURM_LOCALID"),
        ("OMPI_COMM_WORLD_LOCAL_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK"),
    ):
        several = int(re.sub(r"\D.*", "", environment.get(beside, "")) or 1) > 1
        if several and not dealt and own in environment:
            return [int(environment[own])]
    return []


def require_same(what: str, value: dict[str, Any], advice: str) -> None:
    """Compares what every process has; all of them raise the same.

    Raises:
      DifferError: names the first process that differs from process 0, and in what.
    """
    first, *others = gather(value)
    for index, theirs in enumerate(others, start=1):
        differing = [
            f"{name} is {first.get(name)} in process 0 and {theirs.get(name)} in process {index}"
            for name in sorted(first.keys() | theirs.keys())
            if first.get(name) != theirs.get(name)
        ]
        if differing:
            found = "; ".join(differing[:3])
            raise DifferError(f"not the same {what} everywhere: {found}: {advice}")


def _started_as_one_of_several(given: Given) -> bool:
    launched = any(name in os.environ for name in LAUNCHED)
    return launched or _open_mpi("SIZE") not in (None, 1) or given != (None, None, None)


def _detected(given: Given, seconds: int) -> Given:
    """What is given, and the rest as Open MPI tells it or JAX's own detection finds it."""
    coordinator, count, index = given
    count = _open_mpi("SIZE") if count is None else count
    index = _open_mpi("RANK") if index is None else index
    if None not in (coordinator, count, index):
        return coordinator, count, index  # JAX would want mpi4py, from Open MPI 5 on
    try:
        coordinator, count, index, _ = ClusterEnv.auto_detect_unset_distributed_params(
            coordinator, count, index, local_device_ids=[], cluster_detection_method=None,
            initialization_timeout=seconds,
        )  # fmt: skip
    except Exception as error:  # every launcher has its own
        why = " ".join(str(error).split())[:300]
        raise UserError(
            f"the other processes are not found: {why}; add --coordinator HOST:PORT "
            "--num_processes N --process_id I, or --num_processes 1 to train alone"
        ) from error
    return coordinator, count, index


def _open_mpi(name: str) -> int | None:
    value = os.environ.get(f"OMPI_COMM_WORLD_{name}")
    return None if value is None else int(value)
