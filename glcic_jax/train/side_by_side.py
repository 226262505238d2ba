"""Trains several seeds side by side: each in a process of its own, on its share of the devices."""

import contextlib
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

from glcic_jax.runtime.command_line import print_result
from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.process import ENDINGS, STARTED_BY
from glcic_jax.runtime.run_folder import CONFIG, lock
from glcic_jax.runtime.shares import Share, share_out, start_on
from glcic_jax.train.interrupt import Interrupted

TICK = 0.1
"""Seconds between two looks at the processes."""

DRAIN = 5.0
"""Seconds that the last lines of a process may take once it has ended."""


def own_command() -> list[str]:
    """Returns the words by which this process was started, to start it anew with further flags.

    Raises:
      UserError: a program called the command, and would be started in its place.
    """
    given = sys.argv[1:]
    if not given or sys.orig_argv[-len(given) :] != given:
        raise UserError("--at_once starts the command anew: give it in a shell")
    return [sys.executable, *sys.orig_argv[1:]]


def train_side_by_side(
    folders: Mapping[int, Path], workdir: Path, command: Sequence[str], at_once: int
) -> int:
    """Trains every seed by `command --only_seed SEED`, and prints its lines behind its name.

    SIGTERM and Ctrl-C are passed on, so that all save. A run that fails ends no other. But where
    one fails before any has begun, as by a mistake in the command, all are stopped.

    Args:
      folders: those of the runs, by their seeds.
      workdir: the folder that holds them.
      command: words that train them one after the other.
      at_once: the number of processes at one time.

    Returns:
      0, or the exit code of the first that failed.

    Raises:
      UserError: there are too few devices, or another process trains there.
      Interrupted: SIGTERM or Ctrl-C arrived; what was trained is saved.
    """
    free = share_out(min(at_once, len(folders)))
    waiting, crew, failed, stopped = deque(folders), list[_Running](), dict[int, int](), False
    with lock(workdir), _Signals() as signals:
        try:
            while crew or (waiting and not stopped):
                # Start what there is room for.
                while waiting and free and not stopped:
                    seed, share = waiting.popleft(), free.pop(0)
                    place = f"{len(folders) - len(waiting)} of {len(folders)}: {folders[seed]}"
                    print_result(f"seed {seed}, {place}, on {share.name}")
                    crew.append(_Running(seed, command, share))
                time.sleep(TICK)
                # See who has ended.
                for own in [own for own in crew if own.process.poll() is not None]:
                    crew.remove(own)
                    free.append(own.share)
                    if code := own.close():
                        failed[own.seed] = code
                    if code and not stopped and not any(workdir.rglob(CONFIG)):
                        stopped = True
                        for other in crew:
                            other.process.terminate()
                # Pass on what was heard.
                for number in signals.new():
                    stopped = True
                    for own in crew:
                        own.send(number)
        finally:  # empty, but for a fault of ours
            for own in crew:
                own.process.terminate()
    if [path.name for path in workdir.iterdir()] == [".lock"]:  # none has begun
        (workdir / ".lock").unlink()
        with contextlib.suppress(OSError):  # a link, or a disk of its own, stays
            workdir.rmdir()
    if signals.heard and (failed or waiting):  # not if all were done by then
        raise Interrupted(signals.heard)
    return _reported(failed)


def _reported(failed: Mapping[int, int]) -> int:
    """Prints which seeds failed; returns the exit code of the first, or 0."""
    if failed:
        named = ", ".join(f"seed {seed}: exit code {code}" for seed, code in failed.items())
        line = f"not all seeds are trained ({named}): mend it and start again, which goes on"
        print(f"error: {line}", file=sys.stderr)
    return next(iter(failed.values()), 0)


class _Running:
    """Runs the process of one seed, and passes its lines on.

    Args:
      seed: the seed.
      command: the words that train all seeds.
      share: the part of the machine for it.
    """

    def __init__(self, seed: int, command: Sequence[str], share: Share) -> None:
        self.seed, self.share = seed, share
        words = [*command, "--only_seed", str(seed)]
        self.process = start_on(share, words, {STARTED_BY: str(os.getpid())})
        pipes = ((self.process.stdout, sys.stdout), (self.process.stderr, sys.stderr))
        self._threads = [
            threading.Thread(target=_pass_on, args=(lines, f"seed{seed}: ", to), daemon=True)
            for lines, to in pipes
        ]
        for thread in self._threads:
            thread.start()

    def send(self, number: int) -> None:
        """Sends the process a signal. Windows' consoles have sent it to all of them already."""
        if os.name == "posix":
            self.process.send_signal(number)

    def close(self) -> int:
        """Returns the exit code of the process, which has ended, as shells count it."""
        for thread in self._threads:
            thread.join(DRAIN)
        code = self.process.returncode
        return 128 - code if code < 0 else code


def _pass_on(lines: TextIO, name: str, to: TextIO) -> None:
    """Prints lines behind a name until there are no more."""
    with lines:
        for line in lines:
            try:
                to.write(f"{name}{line.rstrip()}\n")
                to.flush()
            except (OSError, ValueError):  # nobody reads any more: the run's log.txt has them too
                continue


class _Signals:
    """Notes SIGTERM and Ctrl-C meanwhile.

    Attributes:
      heard: the first of them; 0 = none.
    """

    def __enter__(self) -> "_Signals":
        self.heard, self._new = 0, deque[int]()
        self._before = {number: signal.signal(number, self._note) for number in ENDINGS}
        return self

    def new(self) -> list[int]:
        """Returns those that have come since the last call."""
        return [self._new.popleft() for _ in range(len(self._new))]

    def _note(self, number: int, frame: object) -> None:
        self.heard = self.heard or number
        self._new.append(number)

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
