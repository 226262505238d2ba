"""Lets the processes of a run meet: who is let in, who is refused, who is a stranger.

Everybody who reaches process 0's port may knock. Only who proves to know the token of the run is
listened to; a stranger is hung up on, and can neither join nor be counted nor end the run.
"""

import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.link import HELLO_SECONDS, Link
from glcic_jax.runtime.run_token import RunToken, TokenError

STRANGERS = 64
"""Most connections at once that have not proved yet that they know the token; the oldest goes."""

Met = tuple[dict[int, Link], dict[int, str]]
"""Links to other processes, and names of the hosts of all, by number of the process."""


class Door:
    """Lets the other processes in, for process 0.

    Args:
      port: the one to listen at.
      count: number of processes.
      token: made here, and removed if not all come.

    Raises:
      UserError: the port cannot be used, or the token not be written.
    """

    def __init__(self, port: int, count: int, token: RunToken) -> None:
        self._port, self._count, self._token = port, count, token
        self._links: dict[int, Link] = {}
        self._hosts = {0: socket.gethostname()}
        self._changed = threading.Condition()
        self._strangers: list[Link] = []
        self._refusal, self._complete = "", False
        # The port first: a second process 0 on this machine must leave the first one's token alone.
        try:
            server = _listening(port)
        except OSError as error:
            raise UserError(
                f"port {port} of this machine cannot be used ({error.strerror}): choose another "
                "for --coordinator; is another process 0 running here?"
            ) from error
        in_background(self._accept, server, token.make())

    def wait(self, seconds: float) -> Met:
        """Waits until all are there.

        Raises:
          UserError: one of this run is refused, or not all came in time; all that did raise it.
        """
        deadline = time.monotonic() + seconds
        with self._changed:
            while not self._refusal and len(self._links) < self._count - 1:
                if not self._changed.wait(deadline - time.monotonic()):
                    absent = [str(i) for i in range(1, self._count) if i not in self._links]
                    self._refusal = (
                        f"of {self._count} processes, number {', '.join(absent)} did not come "
                        f"within {seconds:g} seconds: start all with the same --coordinator, let "
                        f"them reach port {self._port} of {self._hosts[0]}, and "
                        f"{self._token.advice}"
                    )
            self._complete = True
        for link in self._links.values():
            link.send({"failed": self._refusal} if self._refusal else {"hosts": self._hosts})
        if self._refusal:
            self._token.remove()
            for link in self._links.values():
                link.close()
            raise UserError(self._refusal)
        return self._links, self._hosts

    def _accept(self, server: socket.socket, token: str) -> None:
        """Answers who connects, also when all are there, for those that are started by mistake."""
        while True:
            try:
                connection, _ = server.accept()
            except OSError:  # gone again
                time.sleep(0.01)
                continue
            link = Link(connection)
            with self._changed:
                self._strangers.append(link)
                if len(self._strangers) > STRANGERS:
                    self._strangers.pop(0).hang_up()
            in_background(self._admit, link, token)

    def _admit(self, link: Link, token: str) -> None:
        """Lets one process in, or sends it the reason why not; hangs up on a stranger."""
        who = None
        try:
            hello = link.let_in(token)
            who = int(hello["index"]), int(hello["count"]), str(hello["host"])
        except (OSError, ValueError, KeyError, TypeError, TokenError):
            pass
        with self._changed:
            if link in self._strangers:
                self._strangers.remove(link)
            else:
                who = None  # there were too many, and it was hung up on
            refusal = "" if who is None else self._reason_to_refuse(*who)
            if refusal:
                link.send({"failed": refusal})  # before this process ends of it
                self._refusal = self._refusal if self._complete else refusal
            if refusal or who is None:
                link.close()
            else:
                self._links[who[0]], self._hosts[who[0]] = link, who[2]
            self._changed.notify()

    def _reason_to_refuse(self, index: int, count: int, host: str) -> str:
        """Returns why a process of this run cannot be let in; empty if it can."""
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


def join(address: tuple[str, int], count: int, index: int, token: RunToken, seconds: float) -> Met:
    """Joins process 0, as one of the others, and waits until all are there.

    Args:
      address: host and port of process 0.
      count: number of processes.
      index: number of this one, from 1 on.
      token: proves that this process is of the run.
      seconds: until all must be there.

    Raises:
      UserError: there is no process 0, it has another token, or it refuses somebody.
    """
    deadline = time.monotonic() + seconds
    zero = f"process 0 at {address[0]}, port {address[1]}"

    # Try until process 0 listens, and takes the token.
    hello = {"index": index, "count": count, "host": socket.gethostname()}
    stranger: TokenError | None = None
    while True:
        left, link = deadline - time.monotonic(), None
        try:
            link = Link(socket.create_connection(address, timeout=max(left, 0.1)))
            link.join(token, hello)
            break
        except (OSError, ValueError, TokenError) as error:
            if link is not None:
                link.close()
            stranger = error if isinstance(error, TokenError) else stranger
            if stranger is not None and (token.given or left <= 0):
                raise UserError(f"{zero}, {stranger}: {token.advice}") from error
            if left <= 0:
                why = getattr(error, "strerror", None) or error
                raise UserError(
                    f"no {zero}, within {seconds:g} seconds ({why}): is it started, "
                    "--coordinator right, the port open?"
                ) from error
            time.sleep(min(1.0, max(left, 0.1)))  # a shared disk may show an older file for a while

    # Wait for the others.
    link.timeout(seconds + HELLO_SECONDS)
    try:
        answer = link.receive()
    except (OSError, ValueError) as error:
        link.close()
        raise UserError(f"{zero}, hung up: its own line says why") from error
    if "failed" in answer:
        link.close()
        raise UserError(answer["failed"])
    return {0: link}, {int(i): host for i, host in answer["hosts"].items()}


def in_background(work: Callable[..., None], *arguments: Any) -> threading.Thread:
    """Starts a thread that does not keep the process from ending."""
    thread = threading.Thread(target=work, args=arguments, daemon=True)
    thread.start()
    return thread


def _listening(port: int) -> socket.socket:
    if socket.has_dualstack_ipv6():
        return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
    return socket.create_server(("", port))
