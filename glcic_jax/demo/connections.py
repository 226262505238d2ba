"""Keeps silent, slow and too many connections from holding up the web page's server."""

# pyright: reportMissingImports=false

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from uvicorn.protocols.http.h11_impl import H11Protocol

from glcic_jax.demo.guard import DemoRefusal
from glcic_jax.runtime.web_names import neighbourhood

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

LONGEST_HEADER = 10.0
"""Seconds that a connection may take to send the whole header of a request, from its beginning or
from the answer before."""

LONGEST_ANSWER = 120.0
"""Seconds that a client may take to read the rest of an answer."""

MOST_CONNECTIONS = 100
"""Connections at a time."""

MOST_PER_ADDRESS = 20
"""Of these, from one address; browsers open six. X-Forwarded-For does not count, since anybody can
send it."""


class Connection(H11Protocol):
    """Reads requests from one connection, which is closed where it keeps the others out.

    A connection without a request in work is closed LONGEST_HEADER seconds after its last answer.
    Where there are too many, of an address or in all, a new one takes the place of the one that has
    been without a request for longest; if all others have one, it is answered by status 503.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Makes room for a new connection."""
        super().connection_made(transport)
        self.neighbourhood = neighbourhood(self.client[0]) if self.client else ""
        self._timer: asyncio.TimerHandle | None = None
        self._await_header()
        self._make_room()

    def handle_events(self) -> None:
        """Reads what has arrived; the clock of the header stops with the header."""
        before = self.cycle
        super().handle_events()
        if self.cycle is not before and not self.cycle.response_complete:
            self._stop_clock()

    def on_response_complete(self) -> None:
        """Waits for the next request once an answer is complete."""
        self._await_header()  # first: the next one may have arrived already
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stops the clock."""
        self._stop_clock()
        super().connection_lost(exc)

    @property
    def _working(self) -> bool:
        """Returns whether a request is in work, or its answer on the way."""
        asked = self.cycle is not None and not self.cycle.response_complete
        return asked or self.transport.get_write_buffer_size() > 0

    @property
    def _counts(self) -> bool:
        return self._working or not self.transport.is_closing()

    def _await_header(self) -> None:
        self._stop_clock()
        self.idle_since = self.loop.time()
        self._timer = self.loop.call_later(LONGEST_HEADER, self._close)

    def _stop_clock(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _close(self) -> None:
        """Closes the connection, once the answer is read or has been waited for."""
        if self.transport.get_write_buffer_size():
            self.transport.close()
            self._timer = self.loop.call_later(LONGEST_ANSWER, self.transport.abort)
        else:
            self.transport.abort()

    def _make_room(self) -> None:
        everybody = [c for c in self.connections if isinstance(c, Connection) and c._counts]
        near = [c for c in everybody if c.neighbourhood == self.neighbourhood]
        for crowd, most in ((near, MOST_PER_ADDRESS), (everybody, MOST_CONNECTIONS)):
            if len(crowd) <= most:
                continue
            idle = [c for c in crowd if c is not self and not c._working]
            if not idle:
                self.app = _no_room
                return
            longest = min(idle, key=lambda c: c.idle_since)
            longest._close()


async def _no_room(scope: Scope, receive: Receive, send: Send) -> None:
    await DemoRefusal(503, "there are too many connections: try again soon").response()(
        scope, receive, send
    )
