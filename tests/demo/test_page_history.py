"""Undo and redo over strokes and completions on the web page, and results beside each other."""

import time

import numpy as np
import pytest

from tests.helpers.demo_page import (
    CTRL,
    SHIFT,
    at,
    box,
    click,
    completed,
    drag,
    get,
    is_off,
    key,
    middle,
    mouse,
    open_photo,
    painted,
    pixels,
    sent,
    set_value,
    status_shows,
    text_of,
    tool,
    watch_requests,
)

pytestmark = pytest.mark.slow  # a browser and a server


def settled(tab):
    """The pixels that are shown once the image is swapped."""
    time.sleep(0.15)
    return pixels(tab, "photo")


def test_undo_and_redo_go_over_strokes_and_completions(tab, photo):
    open_photo(tab, photo)
    original = settled(tab)
    drag(tab, (0.3, 0.3), (0.6, 0.3))
    first = painted(tab)
    completed(tab)
    once = settled(tab)
    assert (once != original).any()
    assert painted(tab) is None
    drag(tab, (0.3, 0.7), (0.6, 0.7))  # on with the result, without a button
    completed(tab)
    twice = settled(tab)
    assert (twice != once).any()
    for _ in range(2):
        click(tab, "undo")  # the completion, and the stroke before it
    np.testing.assert_array_equal(settled(tab), once)
    click(tab, "undo")
    np.testing.assert_array_equal(settled(tab), original)
    assert painted(tab) == first
    key(tab, "z", CTRL)
    assert painted(tab) is None
    assert is_off(tab, "undo")
    for held in (CTRL, CTRL, CTRL, CTRL):
        key(tab, "Z", held | SHIFT)
    key(tab, "Z", CTRL)  # with caps lock
    np.testing.assert_array_equal(settled(tab), once)
    key(tab, "z", CTRL | SHIFT)
    np.testing.assert_array_equal(settled(tab), twice)
    assert is_off(tab, "redo")


def test_clear_can_be_undone(tab, photo):
    open_photo(tab, photo)
    drag(tab, (0.3, 0.3), (0.6, 0.3))
    before = painted(tab)
    click(tab, "clear")
    assert painted(tab) is None
    click(tab, "undo")
    assert painted(tab) == before


def test_with_the_switch_a_completion_begins_when_a_stroke_ends(tab, photo):
    open_photo(tab, photo)
    watch_requests(tab)
    drag(tab, (0.3, 0.3), (0.6, 0.3))
    assert not sent(tab)
    click(tab, "auto")
    drag(tab, (0.3, 0.7), (0.6, 0.7))
    status_shows(tab, "completed in")
    assert len(sent(tab)) == 1
    tool(tab, "erase")  # an eraser's stroke asks for nothing
    drag(tab, (0.3, 0.7), (0.6, 0.7))
    time.sleep(0.2)
    assert len(sent(tab)) == 1


def test_another_one_copies_other_texture_and_the_one_before_comes_back(tab, photo):
    open_photo(tab, photo)
    watch_requests(tab)
    drag(tab, (0.3, 0.5), (0.6, 0.5))
    completed(tab)
    assert is_off(tab, "another")  # without texture every result is the same
    assert "Without texture" in get(tab, "another", "title")
    click(tab, "undo")
    tab.evaluate("document.getElementById('texture').checked || texture.click()")
    completed(tab)
    first = settled(tab)
    click(tab, "another")
    tab.wait("window.sent.length === 3 && document.getElementById('working').hidden")
    second = settled(tab)
    assert [form["seed"] for form in sent(tab)] == ["0", "0", "1"]
    assert sent(tab)[2]["texture"] == "1"
    assert (first != second).any()
    click(tab, "undo")
    np.testing.assert_array_equal(settled(tab), first)


def test_before_and_after_are_compared_by_slider_handle_and_button(tab, photo):
    open_photo(tab, photo)
    tab.send("Emulation.setTouchEmulationEnabled", enabled=False)
    assert get(tab, "result", "hidden")
    drag(tab, (0.3, 0.5), (0.6, 0.5))
    completed(tab)
    split = "document.getElementById('view').style.getPropertyValue('--split')"
    assert tab.evaluate(split) in ("", "0%")
    set_value(tab, "split", 40)
    assert tab.evaluate(split) == "40%"
    left = box(tab, "edge")[0]
    assert left + 22 == pytest.approx(at(tab, 0.4, 0)[0], abs=1)
    drag(tab, (0.4, 0.3), (0.25, 0.3))  # by its handle
    assert abs(float(get(tab, "split", "value")) - 25) < 1
    assert painted(tab) is None
    mouse(tab, "mousePressed", *middle(tab, "hold"))
    assert tab.evaluate(split) == "100%"
    mouse(tab, "mouseReleased", *middle(tab, "hold"), held=0)
    assert abs(float(tab.evaluate(split).rstrip("%")) - 25) < 1
    for kind, share in (("keyDown", "100%"), ("keyUp", get(tab, "split", "value") + "%")):
        key(tab, "c", kinds=[kind])
        assert tab.evaluate(split) == share
    assert pixels(tab, "before").shape == (240, 320, 3)
    drag(tab, (0.1, 0.8), (0.3, 0.8))  # painting ends the comparison, and is seen
    assert tab.evaluate(split) == "0%"
    assert painted(tab)
    assert tab.evaluate("getComputedStyle(mask).visibility") == "visible"


def test_after_a_completion_the_photograph_can_be_painted_up_to_its_edges(tab, photo):
    open_photo(tab, photo)
    drag(tab, (0.3, 0.5), (0.6, 0.5))
    completed(tab)
    drag(tab, (0.01, 0.4), (0.01, 0.6))
    assert painted(tab)[0] == 0


def test_methods_have_plain_names_and_a_line_on_when_to_use_them(tab):
    labels = tab.evaluate("[...document.getElementById('method').options].map((one) => one.text)")
    assert labels == ["Fast fill", "Fast fill, along lines", "Smooth fill"]
    lines = set()
    for name in ("telea", "navier_stokes", "laplace"):
        set_value(tab, "method", name)
        lines.add(text_of(tab, "about"))
    assert len(lines) == 3
    assert all(line.startswith("for ") for line in lines)
    assert get(tab, "method", "ariaDescribedByElements[0].id") == "about"


def test_progress_names_what_is_done(tab, photo, site):
    open_photo(tab, photo)
    drag(tab, (0.3, 0.5), (0.6, 0.5))
    with site.held():
        click(tab, "complete")
        time.sleep(0.7)
        text = text_of(tab, "doing")
        assert text.endswith(", 0 s") or text.endswith(", 1 s")
        assert text.split(",")[0] in ("waiting", "reading", "filling", "completing")
        assert get(tab, "progress", "ariaLabel") == "Progress"
    status_shows(tab, "completed in")
