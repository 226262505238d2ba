"""Who is let in, over plain sockets; tests/runtime/test_joining.py has processes of whole runs."""

import json
import socket
import threading
import time

import pytest

from glcic_jax.runtime import link as link_module
from glcic_jax.runtime import meeting, peers
from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.link import Link
from glcic_jax.runtime.peers import Peers
from glcic_jax.runtime.run_token import VARIABLE, RunToken
from tests.helpers.nodes import BOUND, free_port
from tests.helpers.peers import HELLO, Process, connected, hung_up_on, run_goes_on


@pytest.fixture(autouse=True)
def no_token_given(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)


def test_who_is_refused_is_told_before_process_0_ends_of_it(monkeypatch, tmp_path):
    """Its end closes the connection: the other would never learn why."""
    messages, answers, send, port = [], [], Link.send, free_port()

    def slowly(self, message):
        time.sleep(0.3)
        send(self, message)
        messages.append(message)

    class Other(Link):
        """The other side, which is not slow."""

    Other.send = send

    def other():
        link = Other(connected(port))
        link.join(RunToken(tmp_path), {"index": 1, "count": 3, "host": "other"})
        answers.append(link.receive())
        link.close()

    thread = threading.Thread(target=other)
    thread.start()
    monkeypatch.setattr(Link, "send", slowly)
    token = RunToken(tmp_path)
    with pytest.raises(UserError, match="process 1 on other is one of 3") as raised:
        Peers(("127.0.0.1", port), 2, 0, token, start_seconds=BOUND, silent_seconds=BOUND)
    assert [list(message) for message in messages] == [["nonce"], ["proof"], ["failed"]]
    assert messages[2:] == [{"failed": str(raised.value)}]
    thread.join(BOUND)
    assert answers == messages[2:]


def test_who_has_left_gives_no_more_signs_of_life(monkeypatch, tmp_path):
    monkeypatch.setattr(peers, "BEAT", 0.05)
    port = free_port()
    run_goes_on(Process(tmp_path, port, 0), Process(tmp_path, port, 1))
    sent = []
    time.sleep(0.1)
    monkeypatch.setattr(Link, "send", lambda self, message: sent.append(message))
    time.sleep(0.3)
    assert sent == []


STRANGERS = {
    "another protocol": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "no text": b"\xff\xfe\x00\n",
    "oversized": b"x" * 100_000,
    "oversized message": json.dumps(HELLO | {"proof": "0" * 100_000}).encode() + b"\n",
    "deep": b"[" * 500 + b"\n",
    "no object": b"[1]\n",
    "signs of life alone": b"{}\n" * 1000,
    "no proof": json.dumps(HELLO).encode() + b"\n",
    "of another number of processes": json.dumps(HELLO | {"count": 3}).encode() + b"\n",
    "strange proof": json.dumps(HELLO | {"nonce": [], "proof": "\ud800"}).encode() + b"\n",
    "silent": b"",
}  # fmt: skip


@pytest.mark.parametrize("sent", STRANGERS.values(), ids=STRANGERS.keys())
def test_a_stranger_cannot_join_be_counted_or_end_a_run(sent, monkeypatch, tmp_path):
    monkeypatch.setattr(link_module, "HELLO_SECONDS", 0.5)
    port = free_port()
    first = Process(tmp_path, port, 0)
    with connected(port) as before:
        before.sendall(sent)
        assert hung_up_on(before)
    assert first.is_alive()
    second = Process(tmp_path, port, 1)
    all_ = [first.joined(), second.joined()]
    assert all_[0]._hosts == all_[1]._hosts == dict.fromkeys((0, 1), socket.gethostname())
    with connected(port) as after:
        after.sendall(sent)
        assert hung_up_on(after)
    run_goes_on(first, second)


def test_a_crowd_of_silent_strangers_keeps_nobody_out(tmp_path, monkeypatch):
    """They could stay for long: the oldest have to go for others."""
    monkeypatch.setattr(link_module, "HELLO_SECONDS", 10 * BOUND)
    monkeypatch.setattr(meeting, "STRANGERS", 8)
    port = free_port()
    first = Process(tmp_path, port, 0)
    crowd = [connected(port) for _ in range(30)]
    started = time.monotonic()
    second = Process(tmp_path, port, 1)
    second.joined()
    assert time.monotonic() - started < 5
    assert all(hung_up_on(stranger) for stranger in crowd[:22])
    run_goes_on(first, second)
    for stranger in crowd:
        stranger.close()


def test_who_sends_slowly_is_hung_up_on_too(tmp_path, monkeypatch):
    monkeypatch.setattr(link_module, "HELLO_SECONDS", 0.5)
    port = free_port()
    first = Process(tmp_path, port, 0)
    started = time.monotonic()
    with connected(port) as stranger, pytest.raises(OSError):
        while time.monotonic() - started < BOUND:
            stranger.sendall(b" ")
            time.sleep(0.1)
    assert time.monotonic() - started < 10
    run_goes_on(first, Process(tmp_path, port, 1))
