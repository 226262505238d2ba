"""The web page's server: listens, and serves the pages and what `api` answers."""

# pyright: reportMissingImports=false

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from glcic_jax.demo.api import PAGES, Api, Limits
from glcic_jax.demo.guard import DemoRefusal, Guard
from glcic_jax.demo.worker import Worker
from glcic_jax.runtime.errors import UserError

FILES = {
    "/": ("demo.html", "text/html"),
    "/demo.css": ("demo.css", "text/css"),
    "/demo.js": ("demo.js", "text/javascript"),
    "/strokes.js": ("strokes.js", "text/javascript"),
}
"""Files of PAGES, and their media types, by address."""

MOST_CONNECTIONS = 100
"""Connections at a time, besides which new ones are refused."""

LAST_ANSWERS = 1
"""Seconds that the server waits for answers under way before it ends."""


def make_app(worker: Worker, limits: Limits, names: Iterable[str] = ()) -> Starlette:
    """Makes the web application.

    Args:
      worker: completes the pictures; it is closed with the application.
      limits: limits of a request.
      names: hosts that it may be called by, besides "localhost" and any address in numbers.
    """
    api = Api(worker, limits)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        try:
            yield
        finally:
            worker.close()  # first of all: requests that wait for it need not wait any longer

    return Starlette(
        routes=[
            *(Route(path, _file(*file)) for path, file in FILES.items()),
            Route("/api", api.about),
            Route("/api/methods", api.methods),
            Route("/api/status", api.status),
            Route("/api/complete", api.complete, methods=["POST"]),
        ],
        middleware=[Middleware(Guard, names={"localhost", *names})],
        lifespan=lifespan,
        exception_handlers={DemoRefusal: _refusal, 404: _missing, 405: _missing},
    )


def listen(host: str, port: int) -> socket.socket:
    """Takes an address, before anything is loaded.

    Raises:
      UserError: it cannot be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        reason = error.strerror or error
        raise UserError(f"{host}:{port}: {reason}: choose another --host or --port") from error


class Server(uvicorn.Server):
    """Ends cleanly however often Ctrl-C is pressed, after LAST_ANSWERS seconds at most."""

    def handle_exit(self, sig: int, frame: object) -> None:
        """Handles a signal: ends the server."""
        self.should_exit = True


def make_server(app: Starlette) -> Server:
    """Makes a server whose `run(sockets=[...])` serves until Ctrl-C or `should_exit` ends it."""
    config = uvicorn.Config(
        app,
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="on",
        log_level="warning",
        server_header=False,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_graceful_shutdown=LAST_ANSWERS,
    )
    return Server(config)


def _file(name: str, kind: str) -> Callable[[Request], Awaitable[Response]]:
    content = (PAGES / name).read_bytes()

    async def answer(_: Request) -> Response:
        return Response(content, media_type=kind)

    return answer


async def _refusal(_: Request, error: Exception) -> Response:
    assert isinstance(error, DemoRefusal)
    return error.response()


async def _missing(_: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 404)
    return DemoRefusal(status, "no such address: GET /api describes those there are").response()
