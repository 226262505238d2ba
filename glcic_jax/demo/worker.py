"""Completes pictures in a process that is killed and started anew when a job takes too long.

Uploaded pictures are decoded there too. Whatever they do to a decoder or to the memory, at worst
that process ends, and one job with it.
"""

from __future__ import annotations

import multiprocessing
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from glcic_jax.demo.filling import complete_upload, save_upload, select_upload
from glcic_jax.demo.jobs import Answer, FillJob, SaveJob, SelectJob
from glcic_jax.demo.served import FillPicture, Served, named_fills
from glcic_jax.runtime.compiled import announced, keep_compiled
from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.process import ctrl_c_blocked, end_with_parent
from glcic_jax.runtime.stages import StageListener, listening

READY, DONE, REFUSED, FAILED, COMPILING, STAGE = range(6)
"""Kinds of messages of the process. Their content: its methods; an Answer; a reason; a reason;
whether something is being compiled; a Stage."""

QUIET = 0.2
"""Seconds between two reports of how far the same stage is."""

Job = FillJob | SaveJob | SelectJob


class Stage(NamedTuple):
    """Holds what is being done.

    Attributes:
      name: "reading", "filling", "texture", "blending", "selecting", "writing", or "" where nothing
        is.
      done: how much of it, if that is known.
      total: of how much.
    """

    name: str = ""
    done: float | None = None
    total: float | None = None


class Unavailable(Exception):
    """Reports in one line why a job was not done, through no fault of the picture."""


class Worker:
    """Does one job at a time, in a process of its own.

    Args:
      specs: networks, as `named_fills` takes them.
      most_pixels: limit for a picture.
      seconds: limit for a job.

    Attributes:
      methods: the methods that it has.
      compiling: whether a program is being compiled for the job.
      stage: what is being done for it.

    Raises:
      UserError: a method cannot be loaded.
    """

    def __init__(self, specs: list[str], *, most_pixels: int, seconds: float) -> None:
        self._arguments = specs, most_pixels
        self._seconds, self._closed = seconds, False
        self.compiling, self.stage = False, Stage()
        self._start()
        try:
            self.methods: list[Served] = self._ready()
        except EOFError as error:
            raise UserError("the process that loads the networks ended: see above") from error

    def _start(self) -> None:
        self._given_up = False
        context = multiprocessing.get_context("spawn")  # JAX cannot be forked
        self._connection, theirs = context.Pipe()
        self._waiting_for_ready = True
        arguments = (theirs, *self._arguments)
        self._process = context.Process(target=_work, args=arguments, daemon=True)
        with ctrl_c_blocked():
            self._process.start()
        theirs.close()  # otherwise nobody would learn of the process's end

    def _ready(self) -> list[Served]:
        """Waits until the process has loaded its methods, and returns them."""
        kind, content = self._connection.recv()
        if kind == REFUSED:
            raise UserError(content)
        self._waiting_for_ready = False
        return content

    def _ready_again(self) -> None:
        try:
            self._ready()
        except UserError as error:  # it names folders of this machine, which the page must not
            print(f"cannot be loaded again: {error}", file=sys.stderr, flush=True)
            raise Unavailable("the method cannot be loaded again: see the server's log") from error

    def do(self, job: Job) -> Answer:
        """Has a job done and returns the file that comes of it; one caller at a time.

        Raises:
          UserError: a picture, mask or mark was refused.
          Unavailable: it took too long, or the process ended.
        """
        try:
            if self._closed:
                raise EOFError
            if self._given_up:
                self._restart()
            if self._waiting_for_ready:
                self._ready_again()
            self._connection.send(job)
            kind, content = self._await_answer(time.monotonic() + self._seconds)
        except TimeoutError as error:
            self._restart()
            raise Unavailable(
                f"this took more than {self._seconds:g} seconds: try a smaller hole"
            ) from error
        except (OSError, EOFError) as error:
            self._restart()
            if self._closed:
                raise Unavailable("the server is being stopped") from error
            raise Unavailable(
                "the process ended, perhaps for lack of memory: try a smaller picture"
            ) from error
        if kind == REFUSED:
            raise UserError(content)
        if kind == FAILED:
            raise Unavailable(content)
        return content

    def _await_answer(self, deadline: float) -> tuple[int, Any]:
        try:
            while self._connection.poll(max(deadline - time.monotonic(), 0)):
                kind, content = self._connection.recv()
                if kind == COMPILING:
                    self.compiling = content
                elif kind == STAGE:
                    self.stage = content
                else:
                    return kind, content
            raise TimeoutError
        finally:
            self.compiling, self.stage = False, Stage()

    def _restart(self) -> None:
        self._process.kill()
        self._process.join()
        self._connection.close()
        if not self._closed:
            self._start()  # the next job finds it loaded, or waits

    def give_up(self) -> None:
        """Ends the job that is being done, for which nobody waits any longer; from any thread."""
        self._given_up = True  # the job may be done by now: then the next one starts the process
        self._process.kill()

    def close(self) -> None:
        """Ends the process, and the job that it is doing; may be called from any thread."""
        self._closed = True
        self._process.kill()
        self._process.join()


def _work(connection: Connection, specs: list[str], most_pixels: int) -> None:
    """Runs in the process: loads the methods, then does job after job."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
    turn = threading.Lock()  # a word while something compiles comes from another thread

    def send(kind: int, content: list[Served] | Answer | Stage | str | bool) -> None:
        with turn, suppress(BrokenPipeError):  # the server is gone, as the next recv finds
            connection.send((kind, content))

    try:
        keep_compiled()  # for the process after this one too
        methods = named_fills(specs)
        fills = {served.name: fill for served, fill in methods.items()}
        send(READY, list(methods))
    except UserError as error:
        send(REFUSED, str(error))
        return
    begin, end = partial(send, COMPILING, True), partial(send, COMPILING, False)
    report = _reporter(partial(send, STAGE))
    with suppress(EOFError, BrokenPipeError), announced(begin, over=end), listening(report):
        while True:
            send(*_answer(connection.recv(), fills, most_pixels))


def _reporter(send: Callable[[Stage], object]) -> StageListener:
    """Returns what sends each new stage at once, and how far it is from time to time."""
    last, when = Stage(), 0.0

    def report(name: str, done: float | None, total: float | None) -> None:
        nonlocal last, when
        now = time.monotonic()
        if name != last.name or now - when > QUIET:
            last, when = Stage(name, done, total), now
            send(last)

    return report


def _answer(job: Job, fills: dict[str, FillPicture], most_pixels: int) -> tuple[int, str | Answer]:
    try:
        if isinstance(job, FillJob):
            return DONE, complete_upload(job, fills[job.method], most_pixels)
        if isinstance(job, SaveJob):
            return DONE, save_upload(job, most_pixels)
        return DONE, select_upload(job, most_pixels)
    except UserError as error:
        return REFUSED, str(error)
    except Exception as error:  # whatever went wrong must not touch the next job
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        return FAILED, "this picture could not be completed: see the server's log"
