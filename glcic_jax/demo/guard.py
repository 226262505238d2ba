"""Refuses requests that other sites had a browser send, and adds headers to each answer."""

# pyright: reportMissingImports=false

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from glcic_jax.runtime.web_names import OwnNames, why_strange

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

    def response(self, **more: str) -> Response:
        """Returns the reason as JSON, with further fields; status 503 adds when to come again."""
        later = {"Retry-After": "5"} if self.status == 503 else None
        return JSONResponse({"error": self.reason, **more}, self.status, later)


class Guard:
    """Refuses requests that came by another name or from another page, and adds HEADERS to answers.

    Args:
      app: the application to guard.
      names: the server's own.
    """

    def __init__(self, app: ASGIApp, names: OwnNames) -> None:
        self._app, self._names = app, names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or answers it with status 403."""

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        if scope["type"] == "http":
            headers = Headers(scope=scope)
            reason = why_strange(headers.get("host", ""), headers.get("origin"), self._names)
            if reason is not None:
                await DemoRefusal(403, reason).response()(scope, receive, send_guarded)
                return
        await self._app(scope, receive, send_guarded)
