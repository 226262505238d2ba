"""Finds who this process is, by flags, SLURM, Open MPI or Kubernetes. Needs no JAX."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from glcic_jax.runtime.errors import UserError, one_line

LAUNCHED = ("SLURM_STEP_NODELIST", "OMPI_MCA_orte_hnp_uri", "JOB_COMPLETION_INDEX")
"""Variables that SLURM, Open MPI 4 and Kubernetes set in a process that may be one of several."""

SHORTEST_SILENCE = 5
"""Seconds; signs of life come every second, but a busy machine may be late."""

PORTS = range(2**16 - 2**12, 2**16)
"""Ports of which a launcher's coordinator takes one, by the number of its job."""

KUBERNETES_PORT = 55527
"""Port of the coordinator in Kubernetes, where every pod has an address of its own."""

NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
"""File in which Kubernetes gives a pod the name of its namespace."""

Given = tuple[str | None, int | None, int | None]
"""Coordinator, number of processes, number of this one; None for what is not known."""


class Cluster(NamedTuple):
    """Holds what the command line gives about the other processes; None: to be detected.

    Attributes:
      coordinator: HOST:PORT of process 0. The next port is used too.
      num_processes: number of processes; 1 = alone, whatever started this process.
      process_id: number of this process, from 0 on.
      initialization_timeout: seconds until all processes must be there.
      heartbeat_timeout: seconds of silence after which a process counts as lost.
    """

    coordinator: str | None = None
    num_processes: int | None = None
    process_id: int | None = None
    initialization_timeout: int = 300
    heartbeat_timeout: int = 60


FLAGS: dict[str, tuple[type, str, str]] = {
    "coordinator": (str, "HOST:PORT", "address of process 0; detected, as the next two"),
    "num_processes": (int, "N", "how many processes are one run; 1: this one is alone"),
    "process_id": (int, "I", "which of them this is, from 0 on"),
    "initialization_timeout": (
        int,
        "SECONDS",
        f"until all must have come; {Cluster().initialization_timeout} by default",
    ),
    "heartbeat_timeout": (
        int,
        "SECONDS",
        f"of silence until one counts as lost; {Cluster().heartbeat_timeout} by default",
    ),
}
"""Type, placeholder and help of the flag for each attribute of Cluster."""


def detect(cluster: Cluster) -> tuple[str, int, int, int] | None:
    """Finds out who this process is.

    Returns:
      Host and port of process 0, number of processes, number of this one; None: it is alone.

    Raises:
      UserError: only a part of it is known, or it cannot be.
    """
    given = (cluster.coordinator, cluster.num_processes, cluster.process_id)
    if cluster.num_processes == 1 or not _started_as_one_of_several(given):
        return None
    if cluster.heartbeat_timeout < SHORTEST_SILENCE:
        raise UserError(f"--heartbeat_timeout: {SHORTEST_SILENCE} seconds at least")
    if None in given:
        given = _completed(given)
    coordinator, count, index = given
    if coordinator is None or count is None or index is None:
        names = ("--coordinator HOST:PORT", "--num_processes N", "--process_id I")
        missing = [name for name, value in zip(names, given, strict=True) if value is None]
        raise UserError(
            f"this process is one of several, but does not know all: add {' '.join(missing)}, or "
            "--num_processes 1 to train alone"
        )
    host, _, port = coordinator.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 2**16:
        raise UserError(f'--coordinator is "{coordinator}": write HOST:PORT of process 0')
    if not 0 <= index < count:
        raise UserError(f"--process_id {index} of {count}: number them from 0 to {count - 1}")
    return (host.strip("[]"), int(port), count, index) if count > 1 else None


def local_devices(environment: Mapping[str, str]) -> list[int] | None:
    """Returns the numbers of the GPUs that this process takes.

    One process per node takes all, several take one each, unless SLURM has dealt them out already.

    Returns:
      Empty: all that it sees. None: those of JAX_LOCAL_DEVICE_IDS, which JAX reads itself.
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


def _started_as_one_of_several(given: Given) -> bool:
    launched = any(name in os.environ for name in LAUNCHED)
    several = os.environ.get("OMPI_COMM_WORLD_SIZE", "1") != "1"
    return launched or several or given != (None, None, None)


def _completed(given: Given) -> Given:
    """Returns what is given, and the rest as the launcher has it."""
    coordinator, count, index = given
    env = os.environ
    try:
        if "OMPI_COMM_WORLD_SIZE" in env:
            coordinator = coordinator or _open_mpi_coordinator(env)
            found = int(env["OMPI_COMM_WORLD_SIZE"]), int(env["OMPI_COMM_WORLD_RANK"])
        elif "SLURM_STEP_NODELIST" in env:
            coordinator = coordinator or _slurm_coordinator(env)
            found = int(env["SLURM_NTASKS"]), int(env["SLURM_PROCID"])
        elif "JOB_COMPLETION_INDEX" in env:
            job = (coordinator, count) if coordinator and count else _kubernetes_job(env)
            coordinator = coordinator or job[0]
            found = job[1], int(env["JOB_COMPLETION_INDEX"])
        else:
            return given
    except Exception as error:  # what Kubernetes answers has exceptions of its own
        raise UserError(
            f"the other processes are not found: {one_line(error)}; add --coordinator HOST:PORT "
            "--num_processes N --process_id I, or --num_processes 1 to train alone"
        ) from error
    return coordinator, found[0] if count is None else count, found[1] if index is None else index


def _open_mpi_coordinator(env: Mapping[str, str]) -> str | None:
    """Reads the launcher's address, such as 1531576320.0;tcp://10.96.0.1,10.148.0.1:34911."""
    uri = env.get("OMPI_MCA_orte_hnp_uri", "")  # Open MPI 5 has none
    address = re.match(r"(\d+)\..*;(?:tcp://([^,:]+)|tcp6://\[([^,\]]+))", uri)
    if address is None:
        return None
    job = int(address[1]) // 2**12  # all jobs' numbers are multiples of it
    return f"{address[2] or address[3]}:{_port(env, job)}"


def _slurm_coordinator(env: Mapping[str, str]) -> str:
    """Takes the first host of a list such as gpu[03-04,07],node9."""
    first = re.match(r"(?:[^,\[]|\[[^\]]*\])*", env["SLURM_STEP_NODELIST"])
    assert first is not None
    host = re.sub(r"\[(\w+)[^\]]*\]", r"\1", first[0])
    return f"{host}:{_port(env, int(env['SLURM_JOB_ID']))}"


def _port(env: Mapping[str, str], job: int) -> str:
    return env.get("JAX_COORDINATOR_PORT") or str(PORTS[job % len(PORTS)])


def _kubernetes_job(env: Mapping[str, str]) -> tuple[str | None, int | None]:
    """Returns process 0's address and the number of pods, if the `kubernetes` package is there."""
    try:
        import kubernetes  # pyright: ignore[reportMissingImports]
    except ImportError:
        return None, None
    kubernetes.config.load_incluster_config()
    name = env["HOSTNAME"].rpartition("-")[0]  # pods of an indexed Job are called JOB-INDEX
    namespace = NAMESPACE.read_text("utf-8").strip()
    job = kubernetes.client.BatchV1Api().read_namespaced_job(name, namespace).spec
    port = env.get("JAX_COORDINATOR_PORT", KUBERNETES_PORT)
    return f"{name}-0.{job.template.spec.subdomain}:{port}", job.parallelism
