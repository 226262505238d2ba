"""The web page's server on a port of its own, and requests to it."""

import json
import re
import threading
from contextlib import contextmanager
from http.client import HTTPConnection
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from tests.helpers.pictures import photograph

NEEDED = "the web page's packages are missing: pip install -r requirements-demo.txt"
for package in ("starlette", "uvicorn", "python_multipart"):
    pytest.importorskip(package, reason=NEEDED)

from glcic_jax.demo import server as web  # noqa: E402
from glcic_jax.demo.forms import Limits  # noqa: E402
from glcic_jax.demo.worker import Worker  # noqa: E402

LIMITS = Limits(bytes=2 * 2**20, pixels=2_000_000, seconds=60, requests=5)
picture = photograph(0, 60, 80)
hole = np.zeros((60, 80), np.uint8)
hole[20:35, 30:50] = 255
hole[50:, 70:] = 255


def pixels_of(data):
    return np.asarray(Image.open(BytesIO(data)))


def form(**fields):
    """Returns a form's body and its content type; fields that are bytes are files."""
    parts = b""
    for name, value in fields.items():
        head = f'--cut\r\nContent-Disposition: form-data; name="{name}"'
        head += '; filename="../../etc/passwd"' if isinstance(value, bytes) else ""
        content = value if isinstance(value, bytes) else value.encode()
        parts += head.encode() + b"\r\n\r\n" + content + b"\r\n"
    return parts + b"--cut--\r\n", "multipart/form-data; boundary=cut"


@contextmanager
def serving(limits=LIMITS, specs=()):
    """Serves the page on a free port while the block runs; yields the port and the worker."""
    worker = Worker(list(specs), most_pixels=limits.pixels, seconds=limits.seconds)
    with web.listen("127.0.0.1", 0) as listening:
        running = web.make_server(web.make_app(worker, limits, ["our.example"]))
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield listening.getsockname()[1], worker
        finally:
            running.should_exit = True
            thread.join()
            worker.close()


def ask(port, method, path, body=None, headers=None):
    """Sends a request and returns the response and its body."""
    connection = HTTPConnection("127.0.0.1", port, timeout=120)
    connection.request(method, path, body, headers or {})
    response = connection.getresponse()
    data = response.read()
    connection.close()
    return response, data


def complete(port, headers=None, **fields):
    """Sends the fields of the page's form, as `ask` does."""
    body, kind = form(**fields)
    return ask(port, "POST", "/api/complete", body, {"Content-Type": kind, **(headers or {})})


def refused(answer, status, message):
    """Asserts that an answer of `ask` is a refusal with this status and message, a pattern."""
    response, data = answer
    assert response.status == status, data
    assert re.search(message, json.loads(data)["error"]), data
