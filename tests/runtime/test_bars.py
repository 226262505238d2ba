"""Progress bars: a calm log where nobody watches."""

import io
import sys

import pytest

from glcic_jax.runtime import bars


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_a_log_gets_a_line_now_and_then_alone(stream, monkeypatch):
    monkeypatch.setattr(sys, "stderr", written := stream())
    with bars.bar(total=40, title="check") as counted:
        for _ in range(40):
            counted.start_t -= 1  # as if a second had passed
            counted.last_print_t -= 1
            counted.update()
    lines = [line for line in written.getvalue().split("\r") if line.strip()]
    if stream is Terminal:
        assert len(lines) > 20
    else:
        assert len(lines) == 2  # after half a minute, and at the end
    assert lines[0].startswith("check: ")
    assert "40/40" in lines[-1]


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_what_is_soon_done_writes_nothing_into_a_log(stream, monkeypatch):
    monkeypatch.setattr(sys, "stderr", written := stream())
    assert list(bars.bar("abc")) == ["a", "b", "c"]
    assert ("3/3" in written.getvalue()) == (stream is Terminal)
    assert bool(written.getvalue()) == (stream is Terminal)
