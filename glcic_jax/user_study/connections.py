"""Keeps silent, slow and too many connections from holding up the study's server."""

import contextlib
import socket
import threading
import time
from http.server import ThreadingHTTPServer
from typing import Any

from glcic_jax.runtime.web_names import neighbourhood

LONGEST_REQUEST = 15.0
"""Seconds that a connection may take to send its one request."""

MOST_CONNECTIONS = 200
"""Connections at a time; more are closed at once."""

MOST_PER_ADDRESS = 40
"""Of these, from one address, which may be a proxy's. X-Forwarded-For does not count, since anybody
can send it."""


class BoundedServer(ThreadingHTTPServer):
    """Closes connections that take too long to ask, and those that are too many."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._lock = threading.Lock()
        self._open: dict[socket.socket, tuple[str, float]] = {}  # address, when it must have asked
        super().__init__(*args, **kwargs)

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Returns whether there is room for a connection."""
        address = neighbourhood(client_address[0])
        with self._lock:
            same = sum(other == address for other, _ in self._open.values())
            room = same < MOST_PER_ADDRESS and len(self._open) < MOST_CONNECTIONS
            if room:
                self._open[request] = address, time.monotonic() + LONGEST_REQUEST
        return room

    def heard(self, request: socket.socket) -> None:
        """Stops the clock of a connection whose request has arrived."""
        with self._lock:
            if request in self._open:
                self._open[request] = self._open[request][0], float("inf")

    def shutdown_request(self, request: Any) -> None:
        """Closes a connection, which then counts no more."""
        with self._lock:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Ends connections whose time is up; `serve_forever` calls it twice a second."""
        now = time.monotonic()
        with self._lock:
            late = [request for request, (_, end) in self._open.items() if now > end]
        for request in late:
            with contextlib.suppress(OSError):  # it is closed already
                request.shutdown(socket.SHUT_RDWR)
