"""Decides who may use the web page's server, and adds headers to each of its answers."""

# pyright: reportMissingImports=false

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob: data:; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
"""Headers of every answer: nothing is cached, and no other site shows the page or its pictures."""


class DemoRefusal(Exception):
    """Refuses a request to the web page's server.

    Args:
      status: HTTP status of the answer, other than 200.
      reason: one line for whoever asked.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason

    def response(self) -> Response:
        """Returns the reason as JSON; with status 503 also when to come again."""
        later = {"Retry-After": "5"} if self.status == 503 else None
        return JSONResponse({"error": self.reason}, self.status, later)


class Guard:
    """Refuses requests that other sites had a browser send, and adds HEADERS to every answer.

    A site whose own name leads to this machine (DNS rebinding) is recognised by the name in `Host`;
    one that sends forms to us (cross-site request forgery), by `Origin`.

    Args:
      app: the application to guard.
      names: hosts that the server may be called by, besides any address in numbers.
    """

    def __init__(self, app: ASGIApp, names: set[str]) -> None:
        self._app, self._names = app, names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or answers it with status 403."""

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        if scope["type"] == "http" and not self._ours(Headers(scope=scope)):
            refusal = DemoRefusal(
                403, "this address is not the server's own: see --name in its help"
            )
            await refusal.response()(scope, receive, send_guarded)
        else:
            await self._app(scope, receive, send_guarded)

    def _ours(self, headers: Headers) -> bool:
        """Returns whether a request came by a name of this server and from its own page."""
        host, origin = headers.get("host", ""), headers.get("origin")
        try:
            name = urlsplit(f"//{host}").hostname or ""
            if origin is not None and urlsplit(origin).netloc != host:
                return False
            return name in self._names or bool(ipaddress.ip_address(name))
        except ValueError:
            return False
