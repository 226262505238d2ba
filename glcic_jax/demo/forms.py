"""Reads what the page and programs send: forms, within bounds, in memory alone."""

# pyright: reportMissingImports=false

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Iterable
from typing import Any, NamedTuple

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from glcic_jax.demo.guard import DemoRefusal

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


class Form:
    """Holds a form that was sent.

    Attributes:
      files: content of its files by the names of their fields; empty = not sent.
      names: the names that these files had.
      fields: its other fields.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.names: dict[str, str] = {}
        self.fields: dict[str, str] = {}

    def switch(self, name: str, default: bool) -> bool:
        """Returns whether a field is on.

        Raises:
          DemoRefusal: it is neither on nor off.
        """
        text = self.fields.get(name)
        if text is None:
            return default
        return self.choice(name, dict.fromkeys(YES, True) | dict.fromkeys(NO, False), "1 or 0")

    def choice(self, name: str, values: dict[str, Any], asked: str) -> Any:
        """Returns what a field's text stands for.

        Args:
          name: of the field.
          values: what the texts stand for.
          asked: how a refusal names the texts.

        Raises:
          DemoRefusal: it is none of these texts.
        """
        text = self.fields.get(name, "")
        if text not in values:
            raise DemoRefusal(400, f"{name}: give {asked}")
        return values[text]

    def number(self, name: str, most: int) -> int:
        """Returns a field's number, 0 by default.

        Raises:
          DemoRefusal: it is no whole number from 0 to `most`.
        """
        text = self.fields.get(name, "0")
        if not (text.isascii() and text.isdigit() and len(text) < 10) or int(text) > most:
            raise DemoRefusal(400, f"{name}: give a number from 0 to {most}")
        return int(text)


async def read_form(
    request: Request, limits: Limits, files: Iterable[str], fields: Iterable[str]
) -> Form:
    """Reads a request's form.

    Args:
      request: whose body nobody has read.
      limits: of a request.
      files: names of the fields that may be files.
      fields: names of the others.

    Raises:
      DemoRefusal: it is no form, too long or too slow, or holds something else.
    """
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise DemoRefusal(415, "send multipart/form-data: GET /api shows how")
    files, fields, form = tuple(files), tuple(fields), Form()
    parser = InMemory(
        request.headers, _bounded(request, limits), max_files=len(files), max_fields=len(fields)
    )
    try:
        async with asyncio.timeout(LONGEST_UPLOAD):
            sent = await parser.parse()
    except MultiPartException as error:
        raise DemoRefusal(400, f"this form cannot be read: {error.message}") from error
    except UnicodeError as error:  # of an encoding that the request names
        raise DemoRefusal(400, "this form cannot be read: send its names in UTF-8") from error
    try:
        for name, content in sent.multi_items():
            if isinstance(content, UploadFile):
                _check_name(name, files, "files")
                form.files[name] = await content.read()
                form.names[name] = content.filename or ""
            else:
                _check_name(name, (*files, *fields), "fields")
                form.fields[name] = str(content)
    finally:
        await sent.close()
    return form


def _check_name(name: str, known: tuple[str, ...], what: str) -> None:
    if name not in known:
        raise DemoRefusal(
            400, f"this form cannot be read: Too many {what}: it may have {', '.join(known)}"
        )


async def read_json(request: Request, limits: Limits) -> dict[str, Any]:
    """Reads a request's JSON object.

    Raises:
      DemoRefusal: it is none, too long, or too slow.
    """
    if not request.headers.get("content-type", "").startswith("application/json"):
        raise DemoRefusal(415, "send application/json")
    async with asyncio.timeout(LONGEST_UPLOAD):
        body = b"".join([chunk async for chunk in _bounded(request, limits)])
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise DemoRefusal(422, "this is not JSON") from error
    if not isinstance(content, dict):
        raise DemoRefusal(422, "send a JSON object")
    return content


async def _bounded(request: Request, limits: Limits) -> AsyncGenerator[bytes, None]:
    """Yields the body as it arrives, and refuses it once it is longer than allowed."""
    length = int(request.headers.get("content-length", "0"))  # a number: h11 has checked it
    too_long = DemoRefusal(413, f"this is too long: the limit is {limits.bytes:,} bytes")
    if length > limits.bytes:
        raise too_long
    length = 0
    async for chunk in request.stream():
        length += len(chunk)
        if length > limits.bytes:
            raise too_long
        yield chunk
