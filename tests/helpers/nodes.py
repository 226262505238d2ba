"""Runs of several real processes on this machine: two virtual devices each, gloo between them."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from glcic_jax.runtime.run_folder import read_records

ROOT = Path(__file__).parents[2]
CONFIG = str(ROOT / "tests/helpers/tiny.py")
BOUND = 60
"""Seconds in which everything must end that has lost a process."""

TOY = {"module": "tests.helpers.tiny"}
"""Options of `nodes` for runs of the method that compiles in a second."""

QUICK = ("--heartbeat_timeout=20", "--initialization_timeout=120")


def free_port():
    """One whose successor is free too."""
    for _ in range(100):
        with socket.socket() as one, socket.socket() as next_one, contextlib.suppress(OSError):
            one.bind(("127.0.0.1", 0))
            next_one.bind(("127.0.0.1", one.getsockname()[1] + 1))
            return one.getsockname()[1]
    raise AssertionError("no two free ports in a row")


class Node(subprocess.Popen):
    """One process of a run; what it prints goes to a file."""

    def __init__(self, log, *flags, module="glcic_jax.main", config=CONFIG, **variables):
        self.log = log
        environment = os.environ | {"PYTHONUNBUFFERED": "1"} | variables
        command = [sys.executable, "-m", module, "--config", config, *map(str, flags)]
        with log.open("w") as file:
            super().__init__(
                command, cwd=ROOT, env=environment, stdout=file, stderr=subprocess.STDOUT
            )

    def told(self):
        return self.log.read_text()

    def wait_for(self, text, seconds=5 * BOUND):
        deadline = time.monotonic() + seconds
        while text not in self.told():
            assert self.poll() is None, f"ended with {self.returncode}:\n{self.told()}"
            assert time.monotonic() < deadline, f"{text} never came:\n{self.told()}"
            time.sleep(0.05)

    def ended(self, seconds=BOUND):
        """Its exit code and its last lines, once it has ended and left no child."""
        children = set(descendants(self.pid))
        code = self.wait(seconds)
        deadline = time.monotonic() + 10
        while any(Path(f"/proc/{child}").exists() for child in children):
            assert time.monotonic() < deadline, f"orphans: {children}"
            time.sleep(0.1)
        return code, self.told()


def descendants(pid):
    """Ids of the processes that it started."""
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield int(child)
                yield from descendants(int(child))


@contextlib.contextmanager
def process(log, *flags, **options):
    """One process; ended with the context, however it ends."""
    node = Node(log, *flags, **options)
    try:
        yield node
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(node.pid, signal.SIGCONT)
        node.kill()
        node.wait()


@contextlib.contextmanager
def nodes(folder, count, *flags, own=None, port=None, **options):
    """`count` processes that find each other by flags; ended with the context, however it ends.

    Args:
      folder: for their output.
      count: of processes.
      flags: of all.
      own: further flags by number of the process, given last.
      port: of the coordinator; a free one by default.
      options: of `Node`.
    """
    folder.mkdir(exist_ok=True)
    address = f"--coordinator=127.0.0.1:{port or free_port()}"
    with contextlib.ExitStack() as stack:
        started = []
        for index in range(count):
            joining = (address, f"--num_processes={count}", f"--process_id={index}")
            log = folder / f"{index}_{time.monotonic_ns()}.log"
            mine = (own or {}).get(index, ())
            started.append(stack.enter_context(process(log, *flags, *joining, *mine, **options)))
        yield started


def flags(pictures, workdir, *more):
    """Returns the flags of a run that trains on a folder of pictures."""
    return (f"--workdir={workdir}", f"--config.data.root={pictures}", *QUICK, *more)


def run_through(pictures, workdir, count, *more, **options):
    """Runs to the end on `count` processes, and returns what each has printed."""
    with nodes(workdir.parent / "logs", count, *flags(pictures, workdir, *more), **options) as all_:
        told = [node.ended(15 * BOUND) for node in all_]
    assert [code for code, _ in told] == [0] * count, told
    return [text for _, text in told]


def records(workdir, kind="train"):
    """Returns all that a run has recorded of one kind, but for times."""
    timed = {"images_per_s", "step_ms", "waiting_ms", "first_update_s"}
    return [
        {name: value for name, value in record.items() if name not in timed}
        for record in read_records(workdir)
        if record["kind"] == kind
    ]
