"""Makes one run of several processes: they agree, and they end together."""

import json
import os
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import jax
from jax.stages import Wrapped

from glcic_jax.runtime.aside import aside
from glcic_jax.runtime.command_line import STOPPED, STOPPED_LINE, user_message
from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.launchers import Cluster, detect, local_devices
from glcic_jax.runtime.peers import Peers
from glcic_jax.runtime.process import give_back_memory
from glcic_jax.runtime.run_token import RunToken

GRACE = 3.0
"""Seconds that an exception waits for a better reason: steps fail when another process is lost."""

_peers: Peers | None = None


class DifferError(UserError):
    """Is raised in all processes if they do not agree."""


@contextmanager
def joined(cluster: Cluster, workdir: Path, *orderly: type[BaseException]) -> Iterator[None]:
    """Makes this process one of several, if it is, and ends them together.

    To be entered before anything wakes JAX's devices. If the body raises, all processes end, each
    after a line that names where it began.

    Args:
      cluster: the flags of the command line.
      workdir: the run folder, which all processes share; it need not exist.
      orderly: exceptions that all processes raise alike.

    Raises:
      UserError: the processes did not find each other, or do not know the run's token.
    """
    global _peers  # noqa: PLW0603 - like JAX's own runtime, one per process
    found = detect(cluster)
    if found is None:
        yield
        return
    host, port, count, index = found
    seconds, silence = cluster.initialization_timeout, cluster.heartbeat_timeout
    beside = (host, port + 1 if port < 2**16 - 1 else port - 1)
    _peers = Peers(
        beside, count, index, RunToken(workdir), start_seconds=seconds, silent_seconds=silence
    )
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
    except KeyboardInterrupt:
        _peers.fail(STOPPED_LINE, STOPPED)
    except BaseException as error:
        line = user_message(error)
        if line is not None:
            _peers.fail(line, getattr(error, "code", UserError.code))
        time.sleep(GRACE)
        traceback.print_exc()
        _peers.fail(f"{type(error).__name__}: {' '.join(str(error).split())[:300]}", 1)
    _peers.leave()


def gather(value: Any) -> list:
    """Returns what every process gave, in their order; waits for all of them.

    Args:
      value: what JSON can hold.
    """
    value = json.loads(json.dumps(value))  # here too: lists for tuples
    return [value] if _peers is None else _peers.gather(value)


def barrier() -> None:
    """Waits until all processes are here.

    JAX's `sync_global_devices` is a computation of its own, and on CPUs fails if the first one
    finds another process more than 30 seconds late.
    """
    if _peers is not None:
        _peers.barrier()


def end_together(line: str, code: int) -> None:
    """Ends all processes at once with this exit code, each after printing `line`.

    Does nothing if there is one process alone. Nothing more is saved.
    """
    if _peers is not None:
        _peers.fail(line, code)


def compiled_together(
    function: Wrapped, check: Callable[[], object] | None = None, **static: Any
) -> Callable:
    """Returns the jitted function, with these static arguments, for arguments of one kind.

    All processes compile before any of them runs it. Otherwise the first one would wait for the
    rest, and on CPUs fail after 30 seconds.

    Args:
      function: jitted.
      check: is called again and again while the program is compiled, and may raise; see `aside`.
        None: signals wait for the compiler.
      static: arguments that the program is compiled for.
    """
    program = None

    def call(*arguments: Any) -> Any:
        nonlocal program
        if program is None and (check or _peers):
            compiled = partial(_compiled, function, arguments, static)
            program = aside(compiled, check) if check else compiled()
        if _peers is None:
            return function(*arguments, **static)  # finds what was compiled
        assert program is not None
        return program(*arguments)

    return call


def _compiled(function: Wrapped, arguments: tuple, static: dict[str, Any]) -> Callable:
    """Compiles a jitted function, and waits until all processes have done so."""
    program = function.lower(*arguments, **static).compile()
    give_back_memory()  # the compiler takes more than many a step, which would be kept for steps
    barrier()
    return program


def require_same(what: str, value: dict[str, Any], advice: str) -> None:
    """Compares what every process has; all of them raise the same.

    Args:
      what: name of what is compared, for the message.
      value: what this process has, by name.
      advice: what to do if they differ, for the message.

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
