"""The processes of a run, over plain sockets: who is there, and that all still are. Needs no JAX.

JAX's own runtime ends the other processes when one is lost, after its heartbeats' time and with a
stack trace. Here the kernel closes a dead process's socket at once, and the line names it.
"""

import os
import socket
import sys
import threading
import time
from queue import Queue
from typing import Any, NoReturn

from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.link import Link

BEAT = 1.0
"""Seconds between signs of life."""

FAREWELL = 5.0
"""Seconds that process 0 stays for the others to end first: with it JAX's coordinator goes."""

HELLO = 5.0
"""Seconds that whoever connects has to say who it is."""


class Peers:
    """All processes of a run; process 0 hears the others, and passes on what they say.

    Args:
      address: host and port at which process 0 listens.
      count: of processes.
      index: of this one, from 0 on.
      start_seconds: until all must have come.
      silent_seconds: after which one that gives no sign of life counts as lost.

    Raises:
      UserError: not all came, or not those that should; all that did come raise it.
    """

    def __init__(
        self,
        address: tuple[str, int],
        count: int,
        index: int,
        *,
        start_seconds: float,
        silent_seconds: float,
    ) -> None:
        self._count, self._index, self._silent = count, index, silent_seconds
        self._hosts = {index: socket.gethostname()}
        self._links: dict[int, Link] = {}
        self._said: dict[int, Queue] = {}
        self._changed = threading.Condition()
        self._refusal, self._complete, self._over = "", False, False
        self._readers: list[threading.Thread] = []
        deadline = time.monotonic() + start_seconds
        if index == 0:
            self._assemble(address[1], deadline, start_seconds)
        else:
            self._report(address, deadline, start_seconds)
        for other, link in self._links.items():
            self._said[other] = Queue()
            link.timeout(silent_seconds)
            reader = threading.Thread(target=self._listen, args=(other, link), daemon=True)
            self._readers.append(reader)
            reader.start()
        threading.Thread(target=self._beat, daemon=True).start()

    def gather(self, value: Any) -> list:
        """What every process gave, in their order; waits for all. JSON.

        All processes must call it the same number of times.
        """
        if self._index:
            self._links[0].send({"value": value})
            return self._said[0].get()
        values = [value, *(self._said[i].get() for i in range(1, self._count))]
        self._tell({"value": values})
        return values

    def leave(self) -> None:
        """Waits until all leave; from then on nobody is missed."""
        self.gather(None)
        self._over = True
        self.gather(None)  # nobody hangs up before all have stopped listening
        for link in self._links.values():
            link.hang_up()

    def fail(self, line: str, code: int) -> NoReturn:
        """Ends all processes with this exit code, each after printing `line`."""
        self._finish(line, code, told=f"{self._name(self._index)}: {line}")
        time.sleep(2 * FAREWELL)  # another thread has found the cause, and is ending the process
        os._exit(code)

    def _assemble(self, port: int, deadline: float, seconds: float) -> None:
        try:
            server = _listening(port)
        except OSError as error:
            raise UserError(
                f"port {port} of this machine cannot be used ({error.strerror}): choose another "
                "for --coordinator; is another process 0 running here?"
            ) from error
        threading.Thread(target=self._accept, args=(server,), daemon=True).start()
        with self._changed:
            while not self._refusal and len(self._links) < self._count - 1:
                if not self._changed.wait(deadline - time.monotonic()):
                    absent = [str(i) for i in range(1, self._count) if i not in self._links]
                    self._refusal = (
                        f"of {self._count} processes, number {', '.join(absent)} did not come "
                        f"within {seconds:g} seconds: start all with the same --coordinator, and "
                        f"let them reach port {port} of {self._hosts[0]}"
                    )
            self._complete = True
        if self._refusal:
            self._tell({"failed": self._refusal})
            for link in self._links.values():
                link.close()
            raise UserError(self._refusal)
        self._tell({"hosts": self._hosts})

    def _accept(self, server: socket.socket) -> None:
        """Lets processes in; goes on answering when all are there, for those started by mistake."""
        while True:
            connection, _ = server.accept()
            connection.settimeout(HELLO)
            link = Link(connection)
            try:
                hello = link.receive()
                index, count, host = int(hello["index"]), int(hello["count"]), str(hello["host"])
            except (OSError, ValueError, KeyError, TypeError):
                link.close()  # no process of ours
                continue
            with self._changed:
                refusal = self._wrong(index, count, host)
                if refusal:
                    link.send({"failed": refusal})  # before this process ends of it
                    link.close()
                    self._refusal = self._refusal if self._complete else refusal
                else:
                    self._links[index], self._hosts[index] = link, host
                self._changed.notify()

    def _wrong(self, index: int, count: int, host: str) -> str:
        """Why a process cannot be let in; empty if it can."""
        if count != self._count:
            return (
                f"process {index} on {host} is one of {count}, process 0 on {self._hosts[0]} one "
                f"of {self._count}: give all the same --num_processes"
            )
        if index in self._hosts:
            return (
                f"two processes have the number {index}, on {self._hosts[index]} and on {host}: "
                f"give each its own --process_id, from 0 to {count - 1}"
            )
        return ""

    def _report(self, address: tuple[str, int], deadline: float, seconds: float) -> None:
        while True:
            left = deadline - time.monotonic()
            try:
                connection = socket.create_connection(address, timeout=max(left, 0.1))
                break
            except OSError as error:
                if left <= 0:
                    raise UserError(
                        f"no process 0 at {address[0]}, port {address[1]}, within {seconds:g} "
                        f"seconds ({error.strerror or error}): is it started, --coordinator right, "
                        "the port open?"
                    ) from error
                time.sleep(min(1.0, max(left, 0.1)))
        link = Link(connection)
        link.timeout(seconds + HELLO)
        link.send({"index": self._index, "count": self._count, "host": self._hosts[self._index]})
        try:
            answer = link.receive()
        except (OSError, ValueError) as error:
            link.close()
            told = f"process 0 at {address[0]}, port {address[1]}, hung up: its own line says why"
            raise UserError(told) from error
        if "failed" in answer:
            link.close()
            raise UserError(answer["failed"])
        self._hosts = {int(i): host for i, host in answer["hosts"].items()}
        self._links[0] = link

    def _listen(self, other: int, link: Link) -> None:
        lost = f"{self._name(other)} is lost"
        try:
            while "failed" not in (message := link.receive()):
                self._said[other].put(message["value"])
            self._finish(message["failed"], message["code"])
        except TimeoutError:
            self._finish(f"{lost}: silent for {self._silent:g} seconds", 1)
        except (OSError, ValueError):
            self._finish(f"{lost}: killed, or its machine is down", 1)
        self._said[other].put(None)  # for a gather that is under way
        link.close()

    def _finish(self, line: str, code: int, told: str = "") -> None:
        """Ends this process, and says why to the others; does nothing if that is under way."""
        with self._changed:
            if self._over:
                return
            self._over = True
        print(f"error: {line}", file=sys.stderr)
        self._tell({"failed": told or line, "code": code})
        deadline = time.monotonic() + FAREWELL
        for reader in self._readers if self._index == 0 else []:
            if reader is not threading.current_thread():
                reader.join(max(deadline - time.monotonic(), 0))
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)  # the usual way out waits for all processes

    def _tell(self, message: dict) -> None:
        for link in list(self._links.values()):
            link.send(message)

    def _beat(self) -> None:
        while True:
            self._tell({})
            time.sleep(BEAT)

    def _name(self, index: int) -> str:
        return f"process {index} ({self._hosts.get(index, 'unknown')})"


def _listening(port: int) -> socket.socket:
    if socket.has_dualstack_ipv6():
        return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
    return socket.create_server(("", port))
