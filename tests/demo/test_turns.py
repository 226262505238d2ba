"""Requests that wait for their turn, and clients that leave."""

import json
import os
import signal
import threading
import time
from http.client import HTTPConnection

import pytest

from tests.helpers.pictures import file_of
from tests.helpers.web import ask, complete, form, hole, picture, serving


@pytest.mark.slow  # it waits, and ends a process
def test_progress_is_reported_and_a_job_that_nobody_waits_for_is_given_up(monkeypatch):
    monkeypatch.setattr("glcic_jax.demo.turns.GRACE", 0.2)
    files = {"image": file_of(picture), "mask": file_of(hole)}
    with serving() as (port, worker):
        first = worker._process.pid
        os.kill(first, signal.SIGSTOP)
        asked, clients = [], []
        for name in ("one", "two"):

            def run(name=name):
                asked.append(complete(port, **files, job=name)[0].status)

            clients.append(threading.Thread(target=run))
            clients[-1].start()
            time.sleep(0.5)
        states = [json.loads(ask(port, "GET", f"/api/status?job={n}")[1]) for n in ("one", "two")]
        assert [state["state"] for state in states] == ["starting", "waiting"]
        assert states[1]["text"] == "waiting for 1 before this one"
        os.kill(first, signal.SIGCONT)
        for client in clients:
            client.join()
        assert asked == [200, 200]
        # A client that leaves.
        os.kill(first, signal.SIGSTOP)
        body, kind = form(**files)
        leaving = HTTPConnection("127.0.0.1", port)
        leaving.request("POST", "/api/complete", body, {"Content-Type": kind})
        time.sleep(0.5)
        leaving.close()
        assert complete(port, **files)[0].status == 200
        assert worker._process.pid != first
