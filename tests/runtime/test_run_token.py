"""The run's token, over plain sockets: who has another, none or a file of it."""

import contextlib
import json
import os
import socket
import stat
import threading
import time

import pytest

from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.link import Link
from glcic_jax.runtime.run_token import FILE, VARIABLE, RunToken, TokenError
from tests.helpers.nodes import free_port
from tests.helpers.peers import HELLO, Process, connected, hung_up_on, run_goes_on

GIVEN = "0123456789abcdef"
"""A token from the environment, as short as it may be."""


@pytest.fixture(autouse=True)
def no_token_given(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)


def test_a_wrong_token_in_the_right_form_does_not_let_in(tmp_path):
    port = free_port()
    first = Process(tmp_path / "run", port, 0)
    RunToken(tmp_path / "mine").make()
    stranger = Link(connected(port))
    with pytest.raises(TokenError, match="has another token than .*mine/.token"):
        stranger.join(RunToken(tmp_path / "mine"), HELLO)
    stranger.close()
    run_goes_on(first, Process(tmp_path / "run", port, 1))


def test_a_proof_is_good_for_one_connection_and_one_hello(tmp_path, monkeypatch):
    """Who has overheard a process that joined cannot join with what it sent."""
    overheard, send = [], Link.send
    monkeypatch.setattr(Link, "send", lambda self, m: (overheard.append(m), send(self, m)))
    port = free_port()
    all_ = Process(tmp_path, port, 0), Process(tmp_path, port, 1)
    token = (tmp_path / FILE).read_text() if (tmp_path / FILE).exists() else ""
    run_goes_on(*all_)
    assert len(token) in (0, 64)
    (hello,) = [message for message in overheard if "host" in message]
    assert not any(token and token in json.dumps(message) for message in overheard)
    again = Process(tmp_path, port := free_port(), 0)
    with connected(port) as stranger:
        stranger.sendall(json.dumps(hello).encode() + b"\n")
        assert hung_up_on(stranger)
    run_goes_on(again, Process(tmp_path, port, 1))


def test_a_process_with_another_token_ends_with_a_line_and_the_run_goes_on(tmp_path, monkeypatch):
    port = free_port()
    monkeypatch.setenv(VARIABLE, GIVEN)
    first = Process(tmp_path, port, 0)
    monkeypatch.setenv(VARIABLE, GIVEN[::-1])
    message = Process(tmp_path, port, 1).refused()
    assert message == (
        f"process 0 at 127.0.0.1, port {port}, has another token than GLCIC_RUN_TOKEN: give all "
        "the same GLCIC_RUN_TOKEN, or none at all"
    )
    assert first.is_alive()
    monkeypatch.setenv(VARIABLE, GIVEN)
    run_goes_on(first, Process(tmp_path, port, 1))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [None, "", "a" * 63, "a" * 64])
def test_without_the_file_of_process_0_there_is_a_line(content, tmp_path):
    """Not there, not all there, or another run's."""
    port, mine = free_port(), tmp_path / "mine"
    if content is not None:
        mine.mkdir()
        (mine / FILE).write_text(content)
    first = Process(tmp_path / "run", port, 0)
    connected(port).close()
    message = Process(mine, port, 1, seconds=0.5).refused()
    whole = content == "a" * 64
    why = "has another token than" if whole else "asks for a token of the run, but"
    assert message.startswith(f"process 0 at 127.0.0.1, port {port}, {why} {mine}/.token")
    assert "put --workdir on storage that all processes share" in message
    assert first.is_alive()
    run_goes_on(first, Process(tmp_path / "run", port, 1))


def test_a_token_file_that_only_its_user_can_read_is_there_during_the_run(tmp_path):
    mask = os.umask(0)
    try:
        port, folder = free_port(), tmp_path / "new/run"
        first, second = Process(folder, port, 0), Process(folder, port, 1)
        first.joined()
    finally:
        os.umask(mask)
    path = folder / FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(path.read_text()) == 64
    run_goes_on(first, second)
    assert not folder.exists()


def test_the_token_file_of_a_start_that_was_killed_does_not_matter(tmp_path):
    (tmp_path / FILE).write_text("f" * 64)
    (tmp_path / FILE).chmod(0o644)
    (tmp_path / "config.json").touch()
    port = free_port()
    second = Process(tmp_path, port, 1)
    time.sleep(0.3)
    first = Process(tmp_path, port, 0)
    first.joined()
    assert (tmp_path / FILE).read_text() != "f" * 64
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    run_goes_on(first, second)
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]


def test_a_shared_disk_that_shows_the_file_late_is_waited_for(tmp_path, monkeypatch):
    port, read, shown = free_port(), RunToken.read, ["f" * 64, "e" * 64]
    monkeypatch.setattr(RunToken, "read", lambda self: shown.pop() if shown else read(self))
    run_goes_on(Process(tmp_path, port, 0), Process(tmp_path, port, 1))
    assert shown == []


def test_who_poses_as_process_0_is_not_joined(tmp_path):
    RunToken(tmp_path).make()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def pose():
            while not process.raised:
                impostor = Link(server.accept()[0])
                impostor.send({"nonce": "0" * 32})
                with contextlib.suppress(OSError):
                    impostor.receive()
                impostor.send({"proof": "0" * 64})
                impostor.send({"hosts": {"0": "impostor", "1": "me"}})
                impostor.close()

        process = Process(tmp_path, port, 1, seconds=0.5)
        threading.Thread(target=pose, daemon=True).start()
        assert "has another token than" in process.refused()


def test_a_token_that_can_be_guessed_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, "secret")
    with pytest.raises(
        UserError, match="GLCIC_RUN_TOKEN has fewer than 16 characters: make one with openssl"
    ):
        RunToken(tmp_path)


def test_a_run_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="file/run: cannot write there .*another --workdir"):
        RunToken(tmp_path / "file/run").make()
