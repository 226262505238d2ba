"""The study's server behind a proxy, and connections that would keep raters out."""

import contextlib
import socket
import time

from glcic_jax.runtime.web_names import own_names
from glcic_jax.user_study import connections
from tests.helpers.study import ask, get

HALF = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: a"


def opened(stack, server, data=HALF):
    one = socket.create_connection(("127.0.0.1", server.server_port), timeout=20)
    stack.enter_context(one)
    one.sendall(data)
    return one


def test_who_does_not_end_a_request_in_time_is_hung_up_on(server, monkeypatch):
    monkeypatch.setattr(connections, "LONGEST_REQUEST", 0.2)
    post = b"POST /answer HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99\r\n\r\nrater="
    with contextlib.ExitStack() as stack:
        began = time.monotonic()
        for one in [opened(stack, server, data) for data in (b"", HALF, post)]:
            with contextlib.suppress(ConnectionResetError):
                while one.recv(65536):
                    pass
        assert time.monotonic() - began < 10
    assert get(server, "/")[0].status == 200


def test_an_address_has_so_many_connections_and_no_more(server, monkeypatch):
    monkeypatch.setattr(connections, "MOST_PER_ADDRESS", 3)
    with contextlib.ExitStack() as stack:
        for _ in range(3):
            opened(stack, server)
        with contextlib.suppress(ConnectionResetError):
            assert opened(stack, server).recv(100) == b""
    for _ in range(200):  # the four are gone soon
        with contextlib.suppress(OSError):
            if get(server, "/")[0].status == 200:
                break
        time.sleep(0.05)
    else:
        raise AssertionError("the places of closed connections are not free again")


def test_pages_name_only_what_lies_beside_them(server):
    for path in ("/", "/rate?rater=ann", "/nothing"):
        _, html = get(server, path)
        for word in (b'"/', b"http:", b"https:"):
            assert word not in html
    response, _ = post(server)
    assert response.getheader("Location") == "rate?rater=ann"


def post(server, **headers):
    body = "rater=ann&number=0&answer=real&seconds=1"
    return ask(server, "POST", "/answer", body, headers)


def test_behind_a_proxy_answers_count_once_its_name_is_given(server, capsys):
    assert post(server, Origin="https://study.example")[0].status == 403
    assert "--name study.example" in capsys.readouterr().err
    server.names = own_names(["study.example"])
    assert post(server, Origin="https://study.example")[0].status == 303
    assert post(server, Origin="https://evil.example")[0].status == 403


def test_a_site_whose_name_leads_to_this_machine_is_refused(server, capsys):
    """DNS rebinding: for a browser its page and the study's are of one site."""
    evil = {"Host": "evil.example:8000", "Origin": "http://evil.example:8000"}
    assert post(server, **evil)[0].status == 403
    for path in ("/", "/rate?rater=ann", "/picture?rater=ann&number=0", "/study.js"):
        response, html = ask(server, "GET", path, headers={"Host": "evil.example:8000"})
        assert response.status == 403
        assert b"evil" not in html
    assert not server.answers.seen("ann")
    assert "see --name in its help" in capsys.readouterr().err
    server.names = own_names(["https://evil.example:8000/study/"])
    assert get(server, "/")[0].status == 200
    assert post(server, **evil)[0].status == 303
