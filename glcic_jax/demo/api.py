"""Answers of the web page's server under /api: methods, completions, and what they are.

No content of a request is trusted. Pictures are held in memory until they are answered.
"""

# pyright: reportMissingImports=false

from __future__ import annotations

import asyncio
import html
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import NamedTuple

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from glcic_jax.demo.filling import FillJob
from glcic_jax.demo.guard import DemoRefusal
from glcic_jax.demo.worker import Unavailable, Worker
from glcic_jax.methods.procedural.poisson import BLENDS
from glcic_jax.runtime.errors import UserError

PAGES = Path(__file__).parent / "pages"

YES, NO = ("1", "true", "on"), ("0", "false", "off")
"""Texts of a form's field that switch something on or off."""

LONGEST_UPLOAD = 120
"""Seconds after which a request that is still being sent is refused."""


class Limits(NamedTuple):
    """Holds the limits of a request.

    Attributes:
      bytes: size of its body.
      pixels: size of a picture.
      seconds: time of the work on it, from when its turn has come.
      requests: number of requests at a time, including the one that is worked on.
    """

    bytes: int = 64 * 2**20
    pixels: int = 60_000_000
    seconds: float = 120
    requests: int = 8


class InMemory(MultiPartParser):
    """Parses a form without ever writing a file."""

    spool_max_size = 2**40


class Api:
    """Answers requests to the addresses under /api.

    Args:
      worker: completes the pictures.
      limits: limits of a request.
    """

    def __init__(self, worker: Worker, limits: Limits) -> None:
        self._worker, self._limits = worker, limits
        self._requests, self._turn = 0, asyncio.Lock()

    async def about(self, request: Request) -> Response:
        """Answers with a page that describes the addresses."""
        text = (PAGES / "api.html").read_text("utf-8")
        values = {
            "ADDRESS": f"{request.url.scheme}://{request.headers['host']}",
            "METHODS": ", ".join(served.name for served in self._worker.methods),
            "BYTES": f"{self._limits.bytes:,}",
            "PIXELS": f"{self._limits.pixels:,}",
            "SECONDS": f"{self._limits.seconds:g}",
            "REQUESTS": f"{self._limits.requests}",
        }
        for name, value in values.items():
            text = text.replace(f"[{name}]", html.escape(value))
        return Response(text, media_type="text/html")

    async def methods(self, _: Request) -> Response:
        """Answers with the methods and limits, as JSON."""
        methods = [served._asdict() for served in self._worker.methods]
        return JSONResponse({"methods": methods, "limits": self._limits._asdict()})

    async def status(self, _: Request) -> Response:
        """Answers whether the job that is being done waits for a program, as JSON."""
        return JSONResponse({"compiling": self._worker.compiling})

    async def complete(self, request: Request) -> Response:
        """Answers with the completed picture, a PNG.

        Raises:
          DemoRefusal: the request cannot be read or done, or there are too many.
        """
        if self._requests >= self._limits.requests:
            raise DemoRefusal(503, f"the queue is full, at {self._requests}: try again soon")
        self._requests += 1
        try:
            job = await self._job(request)
            async with self._turn:
                if await request.is_disconnected():
                    raise ClientDisconnect
                png = await run_in_threadpool(self._worker.complete, job)
            return Response(png, media_type="image/png")
        except UserError as error:
            raise DemoRefusal(400, str(error)) from error
        except Unavailable as error:
            raise DemoRefusal(503, str(error)) from error
        except TimeoutError as error:
            raise DemoRefusal(408, "the upload took too long") from error
        except ClientDisconnect as error:
            raise DemoRefusal(400, "nobody waits for this any more") from error
        finally:
            self._requests -= 1

    async def _job(self, request: Request) -> FillJob:
        """Reads a request's form, and checks its fields."""
        if not request.headers.get("content-type", "").startswith("multipart/form-data"):
            raise DemoRefusal(415, "send multipart/form-data: GET /api shows how")
        if int(request.headers.get("content-length", "0")) > self._limits.bytes:
            raise self._too_long()
        parser = InMemory(request.headers, self._bounded(request), max_files=2, max_fields=4)
        try:
            async with asyncio.timeout(LONGEST_UPLOAD):
                form = await parser.parse()
        except MultiPartException as error:
            raise DemoRefusal(400, f"this form cannot be read: {error.message}") from error
        files = [form.get(name) for name in ("image", "mask")]
        image, mask = [await f.read() if isinstance(f, UploadFile) else b"" for f in files]
        await form.close()
        method, postprocess = str(form.get("method", "telea")), form.get("postprocess")
        known = {served.name: served for served in self._worker.methods}
        if method not in known:
            raise DemoRefusal(400, f"no such method: choose {', '.join(known)}")
        if postprocess not in (*YES, *NO, *BLENDS, None):
            raise DemoRefusal(400, f"postprocess: give 1 or 0, or {' or '.join(BLENDS)}")
        texture, seed = form.get("texture"), str(form.get("seed", "0"))
        if texture not in (*YES, *NO, None):
            raise DemoRefusal(400, "texture: give 1 or 0")
        if not (seed.isascii() and seed.isdigit() and len(seed) < 10):
            raise DemoRefusal(400, "seed: give a number from 0 to 999999999")
        if not (image and mask):
            raise DemoRefusal(400, "send two files, image and mask")
        way = known[method].blends if postprocess is None else postprocess in YES
        if postprocess in BLENDS:
            way = str(postprocess)
        copied = known[method].texture if texture is None else texture in YES
        return FillJob(image, mask, method, way, copied, int(seed))

    async def _bounded(self, request: Request) -> AsyncGenerator[bytes, None]:
        """Yields the body as it arrives, and refuses it once it is longer than allowed."""
        length = 0
        async for chunk in request.stream():
            length += len(chunk)
            if length > self._limits.bytes:
                raise self._too_long()
            yield chunk

    def _too_long(self) -> DemoRefusal:
        return DemoRefusal(413, f"this is too long: the limit is {self._limits.bytes:,} bytes")
