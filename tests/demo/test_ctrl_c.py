"""Ctrl-C while a picture is in work, and while another one is still being sent."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.pictures import file_of
from tests.helpers.web import ask, complete

ROOT = Path(__file__).parents[2]
SENDING = (
    b"POST /api/complete HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99999\r\n"
    b"Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
)


@pytest.mark.slow  # a server starts, with the network that ships
def test_it_ends_in_one_calm_line_and_whoever_waits_is_answered():
    image = np.random.default_rng(0).integers(0, 256, (2500, 3500, 3), np.uint8)
    mask = np.zeros(image.shape[:2], np.uint8)
    mask[200:2300, 200:3300] = 255
    command = [sys.executable, "-u", "-m", "glcic_jax.demo", "--port", "0"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    answers = []
    with subprocess.Popen(command, cwd=ROOT, text=True, start_new_session=True, **pipes) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        port = int(process.stdout.readline().split(":")[-1].split("/")[0])

        def run():
            files = {"image": file_of(image, "JPEG"), "mask": file_of(mask)}
            answers.append(complete(port, **files, method="laplace", job="mine"))

        client = threading.Thread(target=run)
        client.start()
        try:
            for _ in range(600):
                if json.loads(ask(port, "GET", "/api/status?job=mine")[1])["state"] == "filling":
                    break
                time.sleep(0.1)
            with socket.create_connection(("127.0.0.1", port)) as sending:
                sending.sendall(SENDING)
                time.sleep(0.2)
                began = time.monotonic()
                os.killpg(process.pid, signal.SIGINT)  # as a terminal does, to all processes
                assert process.stdout.read() == ""
                assert process.stderr.read() == "stopped: the picture in work is given up\n"
        finally:
            process.kill()
            client.join()
    assert time.monotonic() - began < 10
    assert process.returncode == 0
    ((response, data),) = answers
    assert response.status == 503
    assert json.loads(data) == {"error": "the server is being stopped"}
