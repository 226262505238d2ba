"""Connections that would keep the others out: silent, half said, too many."""

import contextlib
import socket
import threading
import time
from types import SimpleNamespace

import pytest

from tests.helpers.web import LIMITS, ask, refused, web  # skips where packages are missing

from glcic_jax.demo import connections  # isort: skip
from glcic_jax.demo.served import Served  # isort: skip

WHOLE = b"GET /api HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
HALF = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: a"


@pytest.fixture
def port(monkeypatch):
    """A server whose worker does nothing, and which waits half a second for a header."""
    monkeypatch.setattr(connections, "LONGEST_HEADER", 0.5)
    idle = SimpleNamespace(
        methods=[Served("telea", None, False)], close=lambda: None, compiling=False
    )
    with web.listen("127.0.0.1", 0) as listening:
        running = web.make_server(web.make_app(idle, LIMITS))
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            running.should_exit = True
            thread.join()


@contextlib.contextmanager
def opened(port, count, data=HALF):
    with contextlib.ExitStack() as stack:
        sockets = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20))
            for _ in range(count)
        ]
        for one in sockets:
            one.sendall(data)
        yield sockets


def closed(one):
    """Waits for the server's end of a connection."""
    try:
        return one.recv(100) == b""
    except ConnectionResetError:
        return True


def test_a_hundred_connections_that_send_half_a_header_keep_nobody_out(port, monkeypatch):
    monkeypatch.setattr(connections, "LONGEST_HEADER", 60)
    with opened(port, 120) as sockets:
        for _ in range(3):
            assert ask(port, "GET", "/api/methods")[0].status == 200
        # Those of the same address have given way, the first ones first.
        assert all(closed(one) for one in sockets[: 120 - connections.MOST_PER_ADDRESS])


@pytest.mark.parametrize(
    "data", [b"", HALF, b"GET /api HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" + HALF]
)
def test_who_does_not_end_a_header_in_time_is_hung_up_on(port, data):
    began = time.monotonic()
    with opened(port, 1, data) as (one,):
        while one.recv(65536):  # dribbling does not help: the clock runs from the beginning
            with contextlib.suppress(OSError):
                one.sendall(b"b")
    assert time.monotonic() - began < 10


def test_more_busy_connections_of_an_address_than_it_may_have_are_asked_to_come_again(
    port, monkeypatch
):
    monkeypatch.setattr(connections, "MOST_PER_ADDRESS", 2)
    head = (
        b"POST /api/complete HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n"
        b"Content-Type: multipart/form-data; boundary=x\r\n\r\n"
    )
    with opened(port, 2, head):
        time.sleep(0.2)  # they are being read
        refused(ask(port, "GET", "/api/methods"), 503, "too many connections: try again")
    time.sleep(0.2)
    assert ask(port, "GET", "/api/methods")[0].status == 200


def test_an_address_that_is_only_claimed_does_not_count(port, monkeypatch):
    """X-Forwarded-For, which anybody can send, opens no second bound."""
    monkeypatch.setattr(connections, "LONGEST_HEADER", 60)
    monkeypatch.setattr(connections, "MOST_PER_ADDRESS", 3)
    claim = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Forwarded-For: 10.0.0.%d\r\nX: a"
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(opened(port, 1, claim % n))[0] for n in range(5)]
        assert all(closed(one) for one in sockets[:2])
