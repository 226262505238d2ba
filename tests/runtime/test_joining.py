"""Several real processes that cannot be one run: a line in each; and strangers about."""

import contextlib
import re
import shutil
import socket
import stat
import time

import pytest

from glcic_jax.runtime.run_token import FILE, VARIABLE
from tests.helpers.nodes import TOY, flags, free_port, nodes, process
from tests.helpers.pictures import make_collection


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return make_collection(tmp_path_factory.mktemp("joining") / "pictures", 16)


def refused(folder, count, *command, own=None):
    """The last line of each; all must end by themselves."""
    with nodes(folder / "logs", count, *command, own=own, **TOY) as all_:
        told = [node.ended() for node in all_]
    assert all(code == 2 for code, _ in told), told
    return [[line for line in text.splitlines() if line.startswith("error: ")] for _, text in told]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({1: ["--num_processes=3"]}, "process 1 on .* is one of 3, process 0 on .* one of 2"),
        ({1: ["--process_id=0"]}, "port .* of this machine cannot be used|did not come"),
        ({1: ["--config.seed=5"]}, "not the same config everywhere: seed is 0 in process 0 and 5"),
        ({1: ["--coordinator=127.0.0.1:9"]}, "no process 0 at 127.0.0.1, port 10|did not come"),
        ({1: ["--process_id=2"]}, "--process_id 2 of 2|did not come"),
        ({1: ["--config.cpu_devices=1", "--config.data.batch_size=9"]}, "not the same config"),
    ],
)  # fmt: skip
def test_mistakes_at_the_start_get_one_line_in_each(pictures, tmp_path, own, message):
    command = flags(pictures, tmp_path / "run", "--initialization_timeout=25")
    lines = refused(tmp_path, 2, *command, own=own)
    for (line,) in lines:
        assert re.search(message, line)
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_another_listing_of_pictures_is_refused(pictures, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(pictures, other)
    (other / "0/002.jpg").unlink()
    own = {1: [f"--config.data.root={other}"]}
    for (line,) in refused(tmp_path, 2, *flags(pictures, tmp_path / "run"), own=own):
        assert "not the same data everywhere: list of" in line
        assert "let all processes read the same files" in line


@pytest.mark.slow
@pytest.mark.parametrize("token", [None, "0123456789abcdef"])
def test_a_run_folder_that_is_not_shared_is_refused(token, pictures, tmp_path, monkeypatch):
    """At once, if the token is given; else process 1 cannot prove to be of this run."""
    command = flags(pictures, tmp_path / "run")
    if token is None:
        command = (*command, "--initialization_timeout=25")
    else:
        monkeypatch.setenv(VARIABLE, token)
    own = {1: [f"--workdir={tmp_path / 'mine'}"]}
    for (line,) in refused(tmp_path, 2, *command, own=own):
        assert "put --workdir on storage that all processes share" in line


@pytest.mark.slow
def test_a_run_with_strangers_about_ends_well(pictures, tmp_path):
    """They knock all the time, with the hello that was enough before there was a token."""
    workdir, port = tmp_path / "run", free_port()
    hello = b'{"index": 1, "count": 3, "host": "stranger"}\n'
    command = flags(pictures, workdir, "--config.phases.completion=24")
    with nodes(tmp_path / "logs", 2, *command, port=port, TINY_PAUSE="0.2", **TOY) as all_:
        knocks, modes = 0, set()
        while all_[0].poll() is None:
            with contextlib.suppress(OSError):
                with socket.create_connection(("127.0.0.1", port + 1)) as stranger:
                    stranger.sendall(hello)
                knocks += 1
                modes.add(stat.S_IMODE((workdir / FILE).stat().st_mode))
            time.sleep(0.1)
        told = [node.ended() for node in all_]
    assert [code for code, _ in told] == [0, 0], told
    assert knocks > 20
    assert modes == {0o600}
    assert not (workdir / FILE).exists()


@pytest.mark.slow
def test_a_process_with_another_token_ends_with_a_line(pictures, tmp_path, monkeypatch):
    workdir, port = tmp_path / "run", free_port()
    command = flags(pictures, workdir, "--config.phases.completion=6")
    joining = (f"--coordinator=127.0.0.1:{port}", "--num_processes=2", "--process_id=1")
    monkeypatch.setenv(VARIABLE, "fedcba9876543210")
    with contextlib.ExitStack() as stack:
        wrong = stack.enter_context(process(tmp_path / "wrong.log", *command, *joining, **TOY))
        monkeypatch.setenv(VARIABLE, "0123456789abcdef")
        first = stack.enter_context(
            process(tmp_path / "0.log", *command, *joining, "--process_id=0", **TOY)
        )
        code, text = wrong.ended()
        (line,) = [line for line in text.splitlines() if line.startswith("error: ")]
        assert code == 2
        assert "has another token than GLCIC_RUN_TOKEN: give all the same GLCIC_RUN_TOKEN" in line
        assert first.poll() is None
        second = stack.enter_context(process(tmp_path / "1.log", *command, *joining, **TOY))
        assert [first.ended()[0], second.ended()[0]] == [0, 0]
