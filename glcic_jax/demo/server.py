"""The web page's server: its pages, GET /api/methods, POST /api/complete.

Whatever a request says is taken for hostile. Pictures are held in memory until they are answered.
"""

# pyright: reportMissingImports=false

from __future__ import annotations

import asyncio
import html
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from glcic_jax.demo.filling import Job
from glcic_jax.demo.guard import Guard, Refused
from glcic_jax.demo.worker import Unavailable, Worker
from glcic_jax.runtime.errors import UserError

PAGES = Path(__file__).parent / "pages"

FILES = {
    "/": ("demo.html", "text/html"),
    "/demo.css": ("demo.css", "text/css"),
    "/demo.js": ("demo.js", "text/javascript"),
    "/strokes.js": ("strokes.js", "text/javascript"),
}
"""Address: the file of PAGES, and its kind."""

YES, NO = ("1", "true", "on"), ("0", "false", "off")

LONGEST_UPLOAD = 120
"""Seconds, after which a request that is still being sent is refused."""

MOST_CONNECTIONS = 100

LAST_ANSWERS = 1
"""Seconds for answers under way when the server is told to end."""


class Limits(NamedTuple):
    """What a request may cost.

    Attributes:
      bytes: of its body.
      pixels: of a picture.
      seconds: of work on it, from when its turn has come.
      requests: at a time, the one that is worked on included.
    """

    bytes: int = 64 * 2**20
    pixels: int = 50_000_000
    seconds: float = 120
    requests: int = 8


class InMemory(MultiPartParser):
    """A parser that writes no file, whatever is sent."""

    spool_max_size = 2**40


def make_app(worker: Worker, limits: Limits, names: Iterable[str] = ()) -> Starlette:
    """The web application.

    Args:
      worker: does the completing; closed with the application.
      limits: of a request.
      names: hosts that it may be called by, besides "localhost" and any address in numbers.
    """
    api = Api(worker, limits)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        try:
            yield
        finally:
            worker.close()  # first of all: what waits for it need not wait any longer

    return Starlette(
        routes=[
            *(Route(path, _file(*file)) for path, file in FILES.items()),
            Route("/api", api.about),
            Route("/api/methods", api.methods),
            Route("/api/complete", api.complete, methods=["POST"]),
        ],
        middleware=[Middleware(Guard, names={"localhost", *names})],
        lifespan=lifespan,
        exception_handlers={Refused: _refusal, 404: _missing, 405: _missing},
    )


def listen(host: str, port: int) -> socket.socket:
    """Takes an address, before anything is loaded.

    Raises:
      UserError: it cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        reason = error.strerror or error
        raise UserError(f"{host}:{port}: {reason}: choose another --host or --port") from error


class Server(uvicorn.Server):
    """A server that ends cleanly however often Ctrl-C is pressed: LAST_ANSWERS is all it waits."""

    def handle_exit(self, sig: int, frame: object) -> None:
        """Ends the server; a handler of signals."""
        self.should_exit = True


def make_server(app: Starlette) -> Server:
    """A server whose `run(sockets=[...])` serves until Ctrl-C, or until `should_exit` is set."""
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
    assert isinstance(error, Refused)
    return error.response()


async def _missing(_: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 404)
    return Refused(status, "there is no such thing: GET /api describes what there is").response()


class Api:
    """Answers to the addresses under /api."""

    def __init__(self, worker: Worker, limits: Limits) -> None:
        self._worker, self._limits = worker, limits
        self._requests, self._turn = 0, asyncio.Lock()

    async def about(self, request: Request) -> Response:
        """A page that describes them."""
        text = (PAGES / "api.html").read_text()
        told = {
            "ADDRESS": f"{request.url.scheme}://{request.headers['host']}",
            "METHODS": ", ".join(served.name for served in self._worker.methods),
            "BYTES": f"{self._limits.bytes:,}",
            "PIXELS": f"{self._limits.pixels:,}",
            "SECONDS": f"{self._limits.seconds:g}",
            "REQUESTS": f"{self._limits.requests}",
        }
        for name, value in told.items():
            text = text.replace(f"[{name}]", html.escape(value))
        return Response(text, media_type="text/html")

    async def methods(self, _: Request) -> Response:
        """What may be asked for, and how much of it."""
        methods = [served._asdict() for served in self._worker.methods]
        return JSONResponse({"methods": methods, "limits": self._limits._asdict()})

    async def complete(self, request: Request) -> Response:
        """A completed picture."""
        if self._requests >= self._limits.requests:
            raise Refused(503, f"the queue is full, at {self._requests}: try again soon")
        self._requests += 1
        try:
            job = await self._job(request)
            async with self._turn:
                if await request.is_disconnected():
                    raise ClientDisconnect
                png = await run_in_threadpool(self._worker.complete, job)
            return Response(png, media_type="image/png")
        except UserError as error:
            raise Refused(400, str(error)) from error
        except Unavailable as error:
            raise Refused(503, str(error)) from error
        except TimeoutError as error:
            raise Refused(408, "the upload took too long") from error
        except ClientDisconnect as error:
            raise Refused(400, "nobody waits for this any more") from error
        finally:
            self._requests -= 1

    async def _job(self, request: Request) -> Job:
        if not request.headers.get("content-type", "").startswith("multipart/form-data"):
            raise Refused(415, "send multipart/form-data: GET /api shows how")
        if int(request.headers.get("content-length", "0")) > self._limits.bytes:
            raise self._too_long()
        parser = InMemory(request.headers, self._bounded(request), max_files=2, max_fields=2)
        try:
            async with asyncio.timeout(LONGEST_UPLOAD):
                form = await parser.parse()
        except MultiPartException as error:
            raise Refused(400, f"this form cannot be read: {error.message}") from error
        files = [form.get(name) for name in ("image", "mask")]
        image, mask = [await f.read() if isinstance(f, UploadFile) else b"" for f in files]
        await form.close()
        method, postprocess = str(form.get("method", "telea")), form.get("postprocess")
        blends = {served.name: served.blends for served in self._worker.methods}
        if method not in blends:
            raise Refused(400, f"no such method: choose {', '.join(blends)}")
        if postprocess not in (*YES, *NO, None):
            raise Refused(400, "postprocess: say 1 or 0")
        if not (image and mask):
            raise Refused(400, "send two files, image and mask")
        return Job(
            image, mask, method, blends[method] if postprocess is None else postprocess in YES
        )

    async def _bounded(self, request: Request) -> AsyncGenerator[bytes, None]:
        """The body as it comes, whatever length was told."""
        length = 0
        async for chunk in request.stream():
            length += len(chunk)
            if length > self._limits.bytes:
                raise self._too_long()
            yield chunk

    def _too_long(self) -> Refused:
        return Refused(413, f"this is too long: the limit is {self._limits.bytes:,} bytes")
