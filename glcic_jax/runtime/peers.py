"""Connects a run's processes over plain sockets, and notices who is lost. Needs no JAX.

JAX's own runtime ends the other processes when one is lost, after its heartbeats' time, by an abort
with a stack trace. Here the kernel closes a dead process's socket at once, and the line names it.
"""

import os
import sys
import threading
import time
from queue import Queue
from typing import Any, NoReturn

from glcic_jax.runtime.link import Link
from glcic_jax.runtime.meeting import Door, in_background, join
from glcic_jax.runtime.process import kill_workers
from glcic_jax.runtime.run_token import RunToken

BEAT = 1.0
"""Seconds between signs of life."""

FAREWELL = 5.0
"""Seconds that process 0 stays for the others to end first: with it JAX's coordinator goes."""


class Peers:
    """Knows all processes of a run; process 0 hears the others, and passes on what they send.

    Args:
      address: host and port at which process 0 listens.
      count: number of processes.
      index: number of this one, from 0 on.
      token: lets nobody in who is not of this run.
      start_seconds: seconds until all must have come.
      silent_seconds: seconds after which one that gives no sign of life counts as lost.

    Raises:
      UserError: not all came, or not those that should; all that did come raise it.
    """

    def __init__(
        self,
        address: tuple[str, int],
        count: int,
        index: int,
        token: RunToken,
        *,
        start_seconds: float,
        silent_seconds: float,
    ) -> None:
        self._count, self._index, self._silent = count, index, silent_seconds
        self._token, self._over = token, False
        self._ending = threading.Lock()

        # Meet.
        if index == 0:
            self._links, self._hosts = Door(address[1], count, token).wait(start_seconds)
        else:
            self._links, self._hosts = join(address, count, index, token, start_seconds)

        # Listen to each other from now on.
        self._inbox: dict[int, Queue] = {other: Queue() for other in self._links}
        self._readers: list[threading.Thread] = []
        for other, link in self._links.items():
            link.timeout(silent_seconds)
            self._readers.append(in_background(self._listen, other, link))
        in_background(self._beat)

    def gather(self, value: Any) -> list:
        """Returns what every process gave, in their order; waits for all.

        All processes must call it the same number of times.

        Args:
          value: what JSON can hold.
        """
        if self._index:
            self._links[0].send({"value": value})
            return self._inbox[0].get()
        values = [value, *(self._inbox[i].get() for i in range(1, self._count))]
        self._send_all({"value": values})
        return values

    def barrier(self) -> None:
        """Waits until all processes are here."""
        self.gather(None)

    def leave(self) -> None:
        """Waits until all leave; from then on nobody is missed."""
        self.barrier()
        self._over = True
        self.barrier()  # nobody hangs up before all have stopped listening
        self._token.remove()
        for link in self._links.values():
            link.hang_up()

    def fail(self, line: str, code: int) -> NoReturn:
        """Ends all processes with this exit code, each after printing `line`."""
        self._finish(line, code, message=f"{self._name(self._index)}: {line}")
        time.sleep(2 * FAREWELL)  # another thread has found the cause, and is ending the process
        os._exit(code)

    def _listen(self, other: int, link: Link) -> None:
        """Hears one process until it fails, or is lost; then ends this one."""
        lost = f"{self._name(other)} is lost"
        try:
            while "failed" not in (message := link.receive()):
                self._inbox[other].put(message["value"])
            self._finish(message["failed"], message["code"])
        except TimeoutError:
            self._finish(f"{lost}: silent for {self._silent:g} seconds", 1)
        except (OSError, ValueError):
            self._finish(f"{lost}: killed, or its machine is down", 1)
        self._inbox[other].put(None)  # for a gather that is under way
        link.close()

    def _finish(self, line: str, code: int, message: str = "") -> None:
        """Ends this process, and has the others print why; does nothing if that is under way."""
        with self._ending:
            if self._over:
                return
            self._over = True
        print(f"error: {line}", file=sys.stderr)
        self._send_all({"failed": message or line, "code": code})
        deadline = time.monotonic() + FAREWELL
        for reader in self._readers if self._index == 0 else []:
            if reader is not threading.current_thread():
                reader.join(max(deadline - time.monotonic(), 0))
        self._token.remove()
        sys.stdout.flush()
        sys.stderr.flush()
        kill_workers()
        os._exit(code)  # the usual way out waits for all processes

    def _send_all(self, message: dict) -> None:
        for link in self._links.values():
            link.send(message)

    def _beat(self) -> None:
        """Gives signs of life until the run is over."""
        while not self._over:
            self._send_all({})
            time.sleep(BEAT)

    def _name(self, index: int) -> str:
        return f"process {index} ({self._hosts.get(index, 'unknown')})"
