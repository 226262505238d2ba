"""Shares the devices of this machine out among processes that work side by side."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import NamedTuple

from glcic_jax.runtime.errors import UserError

VISIBLE = "CUDA_VISIBLE_DEVICES"
"""The variable by which a process sees only some GPUs. AMD's libraries know it too."""

PROBE = "import jax; found = jax.local_devices(); print(found[0].platform, len(found))"
"""A program that prints what JAX finds. The asking process must not take the GPUs itself."""


class Share(NamedTuple):
    """Holds the part of the machine that one process gets.

    Attributes:
      name: what is printed of it.
      cores: the numbers of its cores; empty: all that there are.
      variables: what its environment has besides.
    """

    name: str
    cores: frozenset[int] = frozenset()
    variables: Mapping[str, str] = MappingProxyType({})


def share_out(count: int) -> list[Share]:
    """Shares out the GPUs that JAX finds, as many to each process; without any, the cores.

    Where the system cannot keep a process to some cores (it is neither Linux nor has GPUs), all
    processes have all cores.

    Args:
      count: the number of processes.

    Raises:
      UserError: there are fewer devices than processes, or devices of another kind.
    """
    platform, found = _probe()
    if platform not in ("cpu", "gpu"):
        raise UserError(f"--at_once {count}: only GPUs and cores are shared out, not {platform}s")
    if platform == "gpu":
        # The names by which a scheduler gave them, which may be numbers or UUIDs.
        named = [name for name in os.environ.get(VISIBLE, "").split(",") if name]
        gpus = (named or [str(number) for number in range(found)])[:found]
        _check(count, len(gpus), "GPUs")
        equal = len(gpus) // count  # all runs alike: the others of the GPUs stay idle
        parts = [gpus[first : first + equal] for first in range(0, equal * count, equal)]
        return [Share(_named("GPU", part), variables={VISIBLE: ",".join(part)}) for part in parts]
    if not hasattr(os, "sched_getaffinity"):
        return [Share("all cores")] * count
    cores = sorted(os.sched_getaffinity(0))
    _check(count, len(cores), "cores")
    ends = [len(cores) * number // count for number in range(count + 1)]
    parts = [cores[first:end] for first, end in pairwise(ends)]
    return [Share(_named("core", part), frozenset(part)) for part in parts]


def start_on(
    share: Share, command: Sequence[str], variables: Mapping[str, str]
) -> subprocess.Popen:
    """Starts a command on its share; its stdout and stderr come as text.

    Ctrl-C in a terminal does not reach it: it is for the caller to pass on signals.

    Args:
      share: the part of the machine.
      command: its words.
      variables: what its environment has besides.
    """
    own = os.sched_getaffinity(0) if share.cores else None
    if own is not None:
        os.sched_setaffinity(0, share.cores)  # of this thread, from which the process has it
    try:
        return subprocess.Popen(
            command,
            env={**os.environ, **share.variables, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            start_new_session=os.name == "posix",
        )
    finally:
        if own is not None:
            os.sched_setaffinity(0, own)


def _probe() -> tuple[str, int]:
    """Returns the kind of JAX's devices here, and their number."""
    variables = os.environ | {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    done = subprocess.run(
        [sys.executable, "-c", PROBE],
        env=variables,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason was given"])[-1]
        raise UserError(f"JAX finds no device here: {reason}")
    platform, count = done.stdout.split()[-2:]
    return platform, int(count)


def _check(count: int, found: int, what: str) -> None:
    if count > found:
        raise UserError(f"--at_once {count}: this process has {found} {what}: give at most {found}")


def _named(what: str, part: Sequence[object]) -> str:
    return f"{what}{'s' * (len(part) > 1)} {', '.join(map(str, part))}"
