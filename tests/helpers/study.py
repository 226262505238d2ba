"""A user study of eight scenes, and raters who answer it."""

import re
import threading
from contextlib import contextmanager
from http.client import HTTPConnection
from urllib.parse import urlencode

import cv2
import numpy as np

from glcic_jax.pictures.decode import write_picture
from glcic_jax.user_study.pictures import Pictures
from glcic_jax.user_study.server import StudyServer

SCENES = 8


def write_folders(base):
    """Writes eight scenes into two folders, the completed ones with a black square.

    Returns:
        The folders of the real and of the completed pictures.
    """
    rng = np.random.default_rng(0)
    for number in range(SCENES):
        picture = rng.integers(64, 256, (24, 32, 3), np.uint8)
        (base / "real" / "sub").mkdir(parents=True, exist_ok=True)
        (base / "completed" / "sub").mkdir(parents=True, exist_ok=True)
        write_picture(base / f"real/sub/{number}.jpg", picture)
        picture[8:16, 8:16] = 0
        write_picture(base / f"completed/sub/{number}.png", picture)
    return base / "real", base / "completed"


@contextmanager
def serving(folders, answers, seed=0):
    """Serves a study on a free port of this machine, in a thread, and yields its server."""
    server = StudyServer(Pictures(*folders), answers, host="127.0.0.1", port=0, seed=seed)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def ask(server, method, path, body=None, headers=None):
    """Sends a request and returns the response and its body."""
    connection = HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    connection.request(method, path, body, headers or {})
    response = connection.getresponse()
    data = response.read()
    connection.close()
    return response, data


def get(server, path):
    """Gets a page or a picture."""
    return ask(server, "GET", path)


def post(server, **fields):
    """Sends an answer as the page's form does."""
    return ask(server, "POST", "/answer", urlencode(fields))


def asked(server, rater):
    """Returns the number of the picture that the page asks about, or None once there is none."""
    _, html = get(server, f"/rate?{urlencode({'rater': rater})}")
    match = re.search(r'name="number" value="(\d+)"', html.decode())
    return match and int(match[1])


def judge(server, rater, limit=SCENES):
    """Answers as a rater who sees the black square; returns how many."""
    for count in range(limit):
        number = asked(server, rater)
        if number is None:
            return count
        _, png = get(server, f"/picture?{urlencode({'rater': rater, 'number': number})}")
        pixels = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
        answer = "completed" if pixels is not None and not pixels[8:16, 8:16].any() else "real"
        response, _ = post(server, rater=rater, number=number, answer=answer, seconds="1.25")
        assert response.status == 303
    return limit
