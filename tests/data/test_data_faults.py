"""Pictures that become unreadable under a run, and data workers that are killed or freeze."""

import logging
import os
import re
import signal
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from glcic_jax.data.pipeline import make_dataset
from glcic_jax.runtime.errors import UserError
from tests.helpers.nodes import BOUND, TOY, Node, descendants, process
from tests.helpers.pictures import make_collection
from tests.helpers.prepared import run_here
from tests.helpers.small import small_config


@pytest.fixture
def pictures(tmp_path):
    return make_collection(tmp_path / "pictures", 16)


def overwrite(path):
    """Overwrites a file, as on a disk that has lost its content."""
    path.write_bytes(bytes(path.stat().st_size))


def cut(path):
    os.truncate(path, 900)


def folder(pictures):
    return "folder", pictures, sorted(pictures.rglob("*.*"))


def shards(pictures):
    prepared = pictures.parent / "prepared"
    run_here(pictures, prepared)
    return "shards", prepared, sorted(prepared.glob("train*.array_record"))


def read_while_breaking(kind, pictures, damage, max_bad_fraction):
    """Reads five epochs; damages half of the files after the first batch, and returns these."""
    source, root, files = kind(pictures)
    config = small_config()
    settings = {"source": source, "root": str(root), "min_edge": 8, "held_out": 0.25}
    config.data.update(settings, max_bad_fraction=max_bad_fraction, threads=1)
    stream = make_dataset(config, seed=0, place=lambda batch: batch).batches(0)
    next(stream)
    damaged = files[: len(files) // 2]
    for path in damaged:
        damage(path)
    for _ in range(8):
        assert next(stream)["image"].shape[0] == config.data.batch_size
    return damaged


BREAKS = [
    (folder, Path.unlink),
    (shards, overwrite),
    pytest.param(folder, overwrite, marks=pytest.mark.slow),
    pytest.param(shards, cut, marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("kind", "damage"), BREAKS)
def test_pictures_that_break_midway_are_named_and_passed_over(pictures, kind, damage, caplog):
    with caplog.at_level(logging.WARNING):
        damaged = read_while_breaking(kind, pictures, damage, 0.9)
    assert caplog.messages
    for message in caplog.messages:
        assert message.startswith("skipped: ")
        assert any(str(path) in message for path in damaged)
    assert len(set(caplog.messages)) == len(caplog.messages)


@pytest.mark.parametrize(("kind", "damage"), BREAKS)
def test_too_many_that_break_midway_end_the_run(pictures, kind, damage):
    with pytest.raises(UserError, match="pictures are unreadable or too small, the last of them"):
        read_while_breaking(kind, pictures, damage, 0.05)


@contextmanager
def training(tmp_path, pictures, **variables):
    """Starts a run with a data worker; gives the run at its third update, and the worker's id."""
    steps, workers = "--config.phases.completion=9999", "--config.data.workers=1"
    where = (f"--workdir={tmp_path / 'run'}", f"--config.data.root={pictures}")
    variables = {"TINY_PAUSE": "0.05", **variables}
    node = Node(tmp_path / "log", *where, steps, workers, module="tests.helpers.tiny", **variables)
    with node:
        try:
            node.wait_for("completion 3/")
            (worker,) = workers_of(node)
            yield node, worker
        finally:
            node.kill()


def workers_of(node):
    """Ids of a run's data workers, as soon as they are started."""
    found = []
    for child in descendants(node.pid):
        with suppress(OSError):  # another child, which has ended
            if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
                found.append(child)
    return found


@contextmanager
def beginning(tmp_path, pictures):
    """Starts a run with two data workers; gives the run once they are there, or one of them."""
    where = (f"--workdir={tmp_path / 'run'}", f"--config.data.root={pictures}")
    endless = "--config.phases.completion=999999"
    with process(tmp_path / "log", *where, endless, "--config.data.workers=2", **TOY) as node:
        deadline = time.monotonic() + 5 * BOUND
        while not workers_of(node):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield node


def assert_ended(node, code, line):
    """Checks the exit code and the pattern of the last line, and that there is no traceback."""
    ended, printed = node.ended(2 * BOUND)
    assert ended == code, printed
    assert "Traceback" not in printed
    assert re.search(line, printed.splitlines()[-1]), printed
    return printed


@pytest.mark.slow
def test_a_killed_data_worker_ends_the_run_in_a_line(pictures, tmp_path):
    with training(tmp_path, pictures) as (node, worker):
        os.kill(worker, signal.SIGKILL)
        assert_ended(node, 1, "error: a data worker was killed, perhaps because memory ran out")


ENDINGS = (signal.SIGINT, signal.SIGTERM)
"""A terminal sends the one to all processes of a run, a scheduler the other."""


@pytest.mark.slow
def test_data_workers_do_not_hear_signals_from_their_first_moment_on(pictures, tmp_path):
    """Python's own answers would be a traceback, and a death that looks like a fault."""
    with beginning(tmp_path, pictures) as node:
        for number in ENDINGS:
            for worker in workers_of(node):
                os.kill(worker, number)
        node.wait_for("completion 3/")
        for number in ENDINGS:
            for worker in workers_of(node):
                os.kill(worker, number)
        node.wait_for("completion 30/")
        assert "Traceback" not in node.told()
        os.kill(node.pid, signal.SIGTERM)
        assert_ended(node, 143, r"^SIGTERM: saved step \d+, leaving$")


@pytest.mark.slow
@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize("number", ENDINGS)
def test_a_signal_while_workers_begin_is_answered_in_one_line(pictures, tmp_path, number, held):
    """It is sent to all, workers first, of which some may be held."""
    with beginning(tmp_path, pictures) as node:
        for worker in workers_of(node) if held else ():
            os.kill(worker, signal.SIGSTOP)
        for each in (*workers_of(node), node.pid):
            os.kill(each, number)
        start = time.monotonic()
        # A slow machine may have let the run get further than to wait for pictures.
        assert_ended(node, 128 + number, rf"^{number.name}\b.*, leaving$")
        assert time.monotonic() - start < BOUND / 2


@pytest.mark.slow
def test_a_frozen_data_worker_is_printed_and_ends_the_run(pictures, tmp_path):
    with training(tmp_path, pictures, TINY_PATIENCE="9") as (node, worker):
        os.kill(worker, signal.SIGSTOP)
        printed = assert_ended(node, 1, "error: no pictures for 9 seconds: the storage or a data")
    assert "no pictures for 3 seconds: slow storage, or a data worker is frozen" in printed
    assert not Path(f"/proc/{worker}").exists()


@pytest.mark.slow
def test_pictures_that_break_in_a_worker_end_the_run_in_a_line(pictures, tmp_path):
    with training(tmp_path, pictures) as (node, _):
        for path in pictures.rglob("*.jpg"):
            path.unlink()
        printed = assert_ended(node, 2, "pictures are unreadable or too small, the last of them")
    assert "skipped: " in printed
