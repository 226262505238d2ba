"""Who is there, over plain sockets; tests/runtime/test_nodes.py has the processes of whole runs."""

import socket
import threading
import time

import pytest

from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.link import Link
from glcic_jax.runtime.peers import Peers
from tests.helpers.nodes import BOUND


def test_who_is_refused_is_told_before_process_0_ends_of_it(monkeypatch):
    """Its end closes the connection: the other would never learn why."""
    told, send = [], Link.send

    def slowly(self, message):
        time.sleep(0.3)
        send(self, message)
        told.append(message)

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    def other():
        while True:
            try:
                link = Link(socket.create_connection(("127.0.0.1", port)))
                break
            except OSError:
                time.sleep(0.05)
        send(link, {"index": 1, "count": 3, "host": "other"})
        link.timeout(BOUND)
        answers.append(link.receive())
        link.close()

    answers = []
    thread = threading.Thread(target=other)
    thread.start()
    monkeypatch.setattr(Link, "send", slowly)
    with pytest.raises(UserError, match="process 1 on other is one of 3") as raised:
        Peers(("127.0.0.1", port), 2, 0, start_seconds=BOUND, silent_seconds=BOUND)
    assert told == [{"failed": str(raised.value)}]
    thread.join(BOUND)
    assert answers == told
