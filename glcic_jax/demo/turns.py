"""Lets requests wait for their turn, and reports how far each is."""

# pyright: reportMissingImports=false

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request

from glcic_jax.demo.forms import Limits
from glcic_jax.demo.guard import DemoRefusal
from glcic_jax.demo.jobs import Answer
from glcic_jax.demo.worker import Job, Stage, Unavailable, Worker
from glcic_jax.runtime.errors import UserError

LOOK = 0.25
"""Seconds between two looks whether a client is still there."""

GRACE = 5.0
"""Seconds that a job may still take after its client has left. Most end by then; ending the process
costs the next job the time in which it starts again."""

DOING = {
    "waiting": "waiting for {ahead} before this one",
    "reading": "reading the photograph",
    "compiling": "compiling for this size, once",
    "filling": "filling",
    "texture": "copying texture",
    "blending": "blending into the surroundings",
    "selecting": "selecting",
    "writing": "writing the file",
    "starting": "starting",
    "unknown": "",
}
"""What people read about each state of a request."""


class Turns:
    """Has the worker do one job after the other, for requests that wait in a line.

    Args:
      worker: does the jobs.
      limits: limits of a request.
    """

    def __init__(self, worker: Worker, limits: Limits) -> None:
        self._worker, self._limits = worker, limits
        self._requests, self._turn = 0, asyncio.Lock()
        self._line: list[list[str]] = []  # one list a request: its name; the first is worked on

    @property
    def busy(self) -> bool:
        """Returns whether a job is waiting or being done."""
        return bool(self._line)

    async def answer(
        self, request: Request, read: Callable[[Request], Awaitable[tuple[Job, str]]]
    ) -> Answer:
        """Reads a request, waits for its turn, and has its job done.

        Args:
          request: whose body nobody has read.
          read: returns its job, and the name that it gives itself.

        Raises:
          DemoRefusal: the request cannot be read or done, or there are too many.
        """
        if self._requests >= self._limits.requests:
            raise DemoRefusal(503, f"the queue is full, at {self._requests}: try again soon")
        self._requests += 1
        try:
            job, name = await read(request)
            return await self._in_turn(request, job, name)
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

    async def _in_turn(self, request: Request, job: Job, name: str) -> Answer:
        ticket = [name]
        self._line.append(ticket)
        try:
            async with self._turn:
                if await request.is_disconnected():
                    raise ClientDisconnect
                return await self._watched(request, job)
        finally:
            self._line = [other for other in self._line if other is not ticket]

    async def _watched(self, request: Request, job: Job) -> Answer:
        """Has a job done, which is given up some time after its client has left."""
        work = asyncio.ensure_future(run_in_threadpool(self._worker.do, job))
        while not work.done():
            await asyncio.wait([work], timeout=LOOK)
            if not work.done() and await request.is_disconnected():
                await asyncio.wait([work], timeout=GRACE)
                if not work.done():
                    self._worker.give_up()
                await asyncio.wait([work])
                work.exception()  # nobody reads it
                raise ClientDisconnect
        return work.result()

    def status(self, name: str) -> dict[str, Any]:
        """Returns how far the request of this name is, as /api/status answers."""
        ahead = next((i for i, ticket in enumerate(self._line) if ticket[0] == name), None)
        stage, compiling = Stage(), False
        if ahead is None:
            state = "unknown"
        elif ahead > 0:
            state = "waiting"
        else:
            stage, compiling = self._worker.stage, self._worker.compiling
            state = "compiling" if compiling else stage.name or "starting"
        return {
            "state": state,
            "done": stage.done,
            "total": stage.total,
            "ahead": ahead or 0,
            "text": _text(state, stage, ahead or 0),
            "compiling": compiling,
        }


def _text(state: str, stage: Stage, ahead: int) -> str:
    text = DOING[state].format(ahead=ahead)
    if stage.total and state == "texture":
        return f"{text}, {100 * (stage.done or 0) / stage.total:.0f} %"
    if stage.total and state == "filling":
        return f"{text} {stage.done:.0f} of {stage.total:.0f}"
    return text
