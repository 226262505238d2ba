"""One connection between two processes of a run."""

import contextlib
import json
import socket
import threading

LONGEST = 2**20
"""Bytes of a message."""


class Link:
    """One connection: JSON messages, a line each."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket, self._file = connection, connection.makefile("rb")
        self._sending = threading.Lock()

    def timeout(self, seconds: float) -> None:
        """How long to wait for a message."""
        self._socket.settimeout(seconds)

    def send(self, message: dict) -> None:
        """Sends it if there still is somebody: their absence is for who reads to find."""
        data = json.dumps(message).encode() + b"\n"
        with contextlib.suppress(OSError), self._sending:
            self._socket.sendall(data)

    def receive(self) -> dict:
        """The next message but for signs of life.

        Raises:
          OSError: the other side is gone, or silent for too long.
        """
        while True:
            line = self._file.readline(LONGEST)
            if not line.endswith(b"\n"):
                raise ConnectionError("the connection is closed")
            message = json.loads(line)
            if message:
                return message

    def hang_up(self) -> None:
        """Lets whoever reads on either side find the end."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Hangs up; not while another thread reads."""
        self._file.close()
        self._socket.close()
