"""Answers of the web page's server under /api: methods, completions, and what they are.

No content of a request is trusted. Pictures are held in memory until they are answered.
"""

# pyright: reportMissingImports=false

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from glcic_jax.demo.forms import NO, YES, Form, Limits, read_form
from glcic_jax.demo.guard import DemoRefusal
from glcic_jax.demo.jobs import KINDS, OWN, Answer, FillJob, SaveJob, SelectJob
from glcic_jax.demo.marks import MOST_MARKS, MOST_POINTS, read_marks
from glcic_jax.demo.turns import Turns
from glcic_jax.demo.worker import Job, Worker
from glcic_jax.methods.procedural.poisson import BLENDS
from glcic_jax.runtime.version import VERSION

PAGES = Path(__file__).parent / "pages"

MOST_GROWN = 200
"""Pixels by which a mask can grow at most."""

MOST_SEED = 999_999_999
"""The largest seed."""

JOB_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What a request may call itself."""

KIND_NAMES = {kind: kind for kind in (*KINDS, OWN)}


class Api:
    """Answers requests to the addresses under /api.

    Args:
      worker: does the jobs.
      turns: the line in front of it.
      limits: limits of a request.
      address: of the page, where it is known; otherwise the one that a request names.
    """

    def __init__(
        self, worker: Worker, turns: Turns, limits: Limits, address: str | None = None
    ) -> None:
        self._worker, self._turns, self._limits = worker, turns, limits
        self._address = address

    async def about(self, request: Request) -> Response:
        """Answers with a page that describes the addresses."""
        text = (PAGES / "api.html").read_text("utf-8")
        address = self._address or f"{request.url.scheme}://{request.headers['host']}"
        values = {
            "ADDRESS": address.rstrip("/"),
            "METHODS": ", ".join(served.name for served in self._worker.methods),
            "BYTES": f"{self._limits.bytes:,}",
            "PIXELS": f"{self._limits.pixels:,}",
            "SECONDS": f"{self._limits.seconds:g}",
            "REQUESTS": f"{self._limits.requests}",
            "GROW": f"{MOST_GROWN}",
            "MARKS": f"{MOST_MARKS}",
            "POINTS": f"{MOST_POINTS:,}",
        }
        for name, value in values.items():
            text = text.replace(f"[{name}]", html.escape(value))
        return Response(text, media_type="text/html")

    async def methods(self, _: Request) -> Response:
        """Answers with the methods and limits, as JSON."""
        methods = [served._asdict() for served in self._worker.methods]
        most = {"grow": MOST_GROWN, "marks": MOST_MARKS, "points": MOST_POINTS}
        limits = self._limits._asdict() | most
        return JSONResponse({"methods": methods, "limits": limits, "version": VERSION})

    async def status(self, request: Request) -> Response:
        """Answers how far a request is; without a name, whether a program is being compiled."""
        name = request.query_params.get("job")
        if name is None:
            return JSONResponse({"compiling": self._worker.compiling})
        return JSONResponse(self._turns.status(_checked(name)))

    async def complete(self, request: Request) -> Response:
        """Answers with the completed picture's file.

        Raises:
          DemoRefusal: the request cannot be read or done, or there are too many.
        """
        return file_response(await self._turns.answer(request, self._fill_job))

    async def save(self, request: Request) -> Response:
        """Answers with a photograph's file that has the pixels of a completed picture.

        Raises:
          DemoRefusal: as in `complete`.
        """
        return file_response(await self._turns.answer(request, self._save_job))

    async def select(self, request: Request) -> Response:
        """Answers with the mask of the thing that clicks mean, a grey PNG.

        Raises:
          DemoRefusal: as in `complete`.
        """
        answer = await self._turns.answer(request, self._select_job)
        return Response(answer.data, media_type=answer.media)

    async def _fill_job(self, request: Request) -> tuple[Job, str]:
        """Reads the form of a completion, and checks its fields."""
        fields = ("method", "postprocess", "texture", "seed", "grow", "kind", "job")
        form = await read_form(request, self._limits, ("image", "mask", "avoid"), fields)
        known = {served.name: served for served in self._worker.methods}
        form.fields.setdefault("method", "telea")
        method = form.fields["method"]
        if method not in known:
            raise DemoRefusal(400, f"no such method: choose {', '.join(known)}")
        ways = dict.fromkeys(YES, True) | dict.fromkeys(NO, False) | {way: way for way in BLENDS}
        postprocess = known[method].blends
        if "postprocess" in form.fields:
            asked = f"1 or 0, or {' or '.join(BLENDS)}"
            postprocess = form.choice("postprocess", ways, asked)
        texture = form.switch("texture", known[method].texture)
        seed, grow = form.number("seed", MOST_SEED), form.number("grow", MOST_GROWN)
        image, mask, avoid = (form.files.get(name, b"") for name in ("image", "mask", "avoid"))
        if not (image and mask):
            raise DemoRefusal(400, "send two files, image and mask")
        if avoid and not texture:
            raise DemoRefusal(400, "avoid is for texture: send texture=1 too, or no avoid")
        job = FillJob(image, mask, method, postprocess, texture, seed, avoid, grow)
        job = job._replace(kind=_kind(form, "png"), name=form.names["image"])
        return job, _job_name(form)

    async def _save_job(self, request: Request) -> tuple[Job, str]:
        """Reads the form of a file to be written."""
        form = await read_form(request, self._limits, ("image", "result"), ("kind", "job"))
        image, result = (form.files.get(name, b"") for name in ("image", "result"))
        if not (image and result):
            raise DemoRefusal(400, "send two files, image and result")
        return SaveJob(image, result, _kind(form, OWN), form.names["image"]), _job_name(form)

    async def _select_job(self, request: Request) -> tuple[Job, str]:
        """Reads the form of a selection."""
        form = await read_form(request, self._limits, ("image",), ("marks", "job"))
        image = form.files.get("image", b"")
        if not image:
            raise DemoRefusal(400, "send a file, image")
        return SelectJob(image, read_marks(form.fields.get("marks", ""))), _job_name(form)


def file_response(answer: Answer) -> Response:
    """Returns a file with its name and what is to be known about it."""
    name = quote(answer.name, safe="")
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{name}",
        "Glcic-Name": name,
        "Glcic-Remarks": json.dumps(answer.remarks),
    }
    return Response(answer.data, headers=headers, media_type=answer.media)


def _kind(form: Form, default: str) -> str:
    form.fields.setdefault("kind", default)
    return form.choice("kind", KIND_NAMES, " or ".join(KIND_NAMES))


def _job_name(form: Form) -> str:
    return _checked(form.fields["job"]) if "job" in form.fields else ""


def _checked(name: str) -> str:
    if not JOB_NAME.fullmatch(name):
        raise DemoRefusal(400, "job: give 1 to 64 letters, digits, - or _")
    return name
