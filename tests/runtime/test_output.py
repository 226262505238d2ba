"""Commands whose output is read by nobody, goes to a full disk, or is closed."""

import io
import os
import sys
from pathlib import Path

import pytest

from glcic_jax.runtime.command_line import exit_code
from glcic_jax.runtime.output import UNREAD, UNREAD_LINE

posix = pytest.mark.skipif(os.name != "posix", reason="pipes of other systems fail otherwise")
buffered = pytest.mark.parametrize("buffered", [True, False])


def text_to(number, buffered=True):
    """Opens the file of this number as Python opens standard output."""
    binary = os.fdopen(number, "wb", -1 if buffered else 0)
    return io.TextIOWrapper(binary, write_through=not buffered)


def unread(buffered=True):
    """Opens a pipe whose reader has gone; returns the end to write to."""
    reading, writing = os.pipe()
    os.close(reading)
    return text_to(writing, buffered)


def run(work, monkeypatch, **streams):
    """Runs a command with other streams, and closes them as Python does at its end."""
    try:
        with monkeypatch.context() as patch:
            for name, stream in streams.items():
                patch.setattr(sys, name, stream)
            return exit_code(work)
    finally:
        for stream in streams.values():
            stream.close()  # raises what Python would print


@posix
@buffered
def test_a_reader_that_has_gone_ends_a_command_in_one_line(monkeypatch, capsys, buffered):
    def work():
        print("x", flush=buffered)
        pytest.fail("it went on")

    assert run(work, monkeypatch, stdout=unread(buffered)) == UNREAD
    assert capsys.readouterr().err == f"{UNREAD_LINE}\n"


@posix
def test_what_is_printed_last_needs_no_reader(monkeypatch, capsys):
    assert run(lambda: print("done"), monkeypatch, stdout=unread()) == 0
    assert capsys.readouterr().err == ""


@posix
def test_both_streams_may_have_no_reader(monkeypatch):
    def work():
        print("x", flush=True)

    assert run(work, monkeypatch, stdout=unread(), stderr=unread()) == UNREAD


@posix
def test_another_broken_pipe_is_an_error_of_the_program(monkeypatch):
    def work():
        raise BrokenPipeError

    reading, writing = os.pipe()
    with pytest.raises(BrokenPipeError):
        run(work, monkeypatch, stdout=text_to(writing))
    os.close(reading)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@buffered
@pytest.mark.parametrize("flush", [True, False])
def test_a_full_disk_is_reported_in_one_line(monkeypatch, capsys, buffered, flush):
    full = text_to(os.open("/dev/full", os.O_WRONLY), buffered)
    assert run(lambda: print("x", flush=flush), monkeypatch, stdout=full) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert "No space left on device" in line


def test_a_closed_output_takes_what_is_printed(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    assert exit_code(lambda: print("x")) == 0
