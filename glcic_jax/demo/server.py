"""Listens, and serves the web page's files and what `api` and `iopaint` answer."""

# pyright: reportMissingImports=false

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from glcic_jax.demo.api import PAGES, Api
from glcic_jax.demo.connections import Connection
from glcic_jax.demo.forms import Limits
from glcic_jax.demo.guard import DemoRefusal, Guard
from glcic_jax.demo.iopaint import IOPaintApi
from glcic_jax.demo.turns import Turns
from glcic_jax.demo.worker import Worker
from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.web_names import own_names

MEDIA_TYPES = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".webmanifest": "application/manifest+json",
}
"""Media types of the files of PAGES that are served under their own names, by their endings."""

LAST_ANSWERS = 1
"""Seconds that the server waits for answers under way before it ends."""


def make_app(
    worker: Worker, limits: Limits, names: Iterable[str] = (), listening: Iterable[str] = ()
) -> Starlette:
    """Makes the web application.

    Args:
      worker: does the jobs; it is closed with the application.
      limits: limits of a request.
      names: names or addresses that the page is reached by, as `own_names` takes them.
      listening: names of this machine, besides "localhost" and any address in numbers.

    Raises:
      UserError: one of `names` is no name.
    """
    names, turns = tuple(names), Turns(worker, limits)
    address = next((name for name in names if "//" in name), None)
    api, iopaint = Api(worker, turns, limits, address), IOPaintApi(worker, turns, limits)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        try:
            yield
        finally:
            worker.close()

    app = Starlette(
        routes=[
            Route("/", _file(PAGES / "demo.html", "text/html")),
            *(
                Route(f"/{path.name}", _file(path, MEDIA_TYPES[path.suffix]))
                for path in sorted(PAGES.iterdir())
                if path.suffix in MEDIA_TYPES
            ),
            Route("/api", api.about),
            Route("/api/methods", api.methods),
            Route("/api/status", api.status),
            Route("/api/complete", api.complete, methods=["POST"]),
            Route("/api/save", api.save, methods=["POST"]),
            Route("/api/select", api.select, methods=["POST"]),
            Route("/api/v1/server-config", iopaint.server_config),
            Route("/api/v1/model", iopaint.model, methods=["GET", "POST"]),
            Route("/api/v1/inpaint", iopaint.inpaint, methods=["POST"]),
        ],
        middleware=[Middleware(Guard, names=own_names(names, listening))],
        lifespan=lifespan,
        exception_handlers={DemoRefusal: _refusal, 404: _missing, 405: _missing},
    )
    app.state.worker, app.state.turns = worker, turns
    return app


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

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Ends the job in work first, so that whoever waits for one is answered at once."""
        app = self.config.app
        assert isinstance(app, Starlette)
        if app.state.turns.busy:
            print("stopped: the picture in work is given up", file=sys.stderr, flush=True)
        await run_in_threadpool(app.state.worker.close)
        asyncio.get_running_loop().call_later(LAST_ANSWERS / 2, self._hang_up)
        await super().shutdown(sockets)

    def _hang_up(self) -> None:
        """Closes connections that are still sending a request, which would be cancelled loudly."""
        for connection in list(self.server_state.connections):
            connection.transport.abort()


def make_server(app: Starlette) -> Server:
    """Makes a server whose `run(sockets=[...])` serves until Ctrl-C or `should_exit` ends it."""
    logging.getLogger("python_multipart").setLevel(logging.ERROR)  # the answer has the reason
    config = uvicorn.Config(
        app,
        loop="asyncio",
        http=Connection,
        proxy_headers=False,
        ws="none",
        lifespan="on",
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=LAST_ANSWERS,
    )
    return Server(config)


def _file(path: Path, kind: str) -> Callable[[Request], Awaitable[Response]]:
    content = path.read_bytes()

    async def answer(_: Request) -> Response:
        return Response(content, media_type=kind)

    return answer


async def _refusal(_: Request, error: Exception) -> Response:
    assert isinstance(error, DemoRefusal)
    return error.response()


async def _missing(_: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 404)
    return DemoRefusal(status, "no such address: GET /api describes those there are").response()
