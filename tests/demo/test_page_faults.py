"""Work is not lost on the web page, and no answer reaches another photograph: in a real browser."""

import time

import numpy as np
import pytest

from tests.helpers.demo_page import (
    at,
    box,
    choose,
    click,
    completed,
    drag,
    get,
    is_off,
    key,
    middle,
    open_photo,
    painted,
    pixels,
    press_at,
    sent,
    set_value,
    shown,
    status_shows,
    text_of,
    tool,
    touch,
    watch_requests,
)
from tests.helpers.pictures import photograph

pytestmark = pytest.mark.slow  # a browser and a server


def stroke(tab, photo):
    open_photo(tab, photo)
    drag(tab, (0.3, 0.5), (0.6, 0.5))


def test_a_double_click_on_complete_completes_once_and_cancels_nothing(tab, photo, site):
    stroke(tab, photo)
    watch_requests(tab)
    with site.held():
        for _ in range(2):
            press_at(tab, *middle(tab, "complete"))
        tab.wait("!document.getElementById('working').hidden")
        under = "document.elementFromPoint({}, {}).id".format(*middle(tab, "complete"))
        assert tab.evaluate(under) == "complete"
        click(tab, "cancel")  # within half a second it is deaf
    status_shows(tab, "completed in")
    assert len(sent(tab)) == 1


def test_two_clicks_without_a_pause_send_one_request(tab, photo):
    stroke(tab, photo)
    watch_requests(tab)
    tab.evaluate("for (const _ of [1, 2]) document.getElementById('complete').click()")
    status_shows(tab, "completed in")
    tab.wait("document.getElementById('working').hidden")
    assert len(sent(tab)) == 1


@pytest.mark.parametrize("by", ["the button", "Escape"])
def test_cancel_gives_the_job_up_and_the_next_one_is_done(tab, photo, site, by):
    stroke(tab, photo)
    with site.held():
        click(tab, "complete")
        time.sleep(0.7)
        assert shown(tab, "cancel")
        if by == "Escape":
            key(tab, "Escape")
        else:
            press_at(tab, *middle(tab, "cancel"))
        status_shows(tab, "cancelled")
        assert get(tab, "working", "hidden")
    click(tab, "complete")
    status_shows(tab, "completed in")


def test_a_photograph_dropped_after_complete_keeps_its_own_pixels(tab, photo, other_photo, site):
    stroke(tab, photo)
    with site.held():
        click(tab, "complete")
        choose(tab, "open", other_photo)
        tab.wait("document.getElementById('name').textContent.startsWith('other.png')")
    status_shows(tab, "rock.jpg: completed in")
    np.testing.assert_array_equal(pixels(tab, "photo"), photograph(7, 240, 320))
    assert is_off(tab, "download")  # nothing was done to this one
    tab.evaluate("document.querySelector('#photos button').click()")
    tab.wait("document.getElementById('name').textContent.startsWith('rock.jpg')")
    assert not is_off(tab, "download")


def test_pinching_zooms_and_paints_nothing(tab, photo):
    open_photo(tab, photo)
    tab.send("Emulation.setTouchEmulationEnabled", enabled=True)
    before = box(tab, "view")
    a, b = at(tab, 0.4, 0.5), at(tab, 0.6, 0.5)
    touch(tab, "touchStart", a)
    touch(tab, "touchStart", a, b)
    for step in range(1, 6):
        touch(tab, "touchMove", (a[0] - 6 * step, a[1]), (b[0] + 6 * step, b[1]))
    touch(tab, "touchEnd")
    assert box(tab, "view")[2] > 1.2 * before[2]
    assert painted(tab) is None
    assert is_off(tab, "undo")
    touch(tab, "touchStart", at(tab, 0.5, 0.5))  # one finger paints
    touch(tab, "touchMove", at(tab, 0.6, 0.5))
    touch(tab, "touchEnd")
    assert painted(tab)


def test_after_complete_picture_status_and_result_are_in_the_window(tab, photo):
    stroke(tab, photo)
    completed(tab)
    for identity in ("view", "status", "complete", "hold", "split", "download"):
        assert shown(tab, identity), identity
    assert tab.evaluate("document.documentElement.scrollHeight <= innerHeight")


def test_what_is_all_erased_again_is_not_sent(tab, photo):
    stroke(tab, photo)
    watch_requests(tab)
    assert not is_off(tab, "complete")
    tool(tab, "erase")
    set_value(tab, "size", 200)
    drag(tab, (0.2, 0.5), (0.7, 0.5))
    assert painted(tab) is None
    assert is_off(tab, "complete")
    click(tab, "complete")
    assert not sent(tab)


def test_a_file_that_cannot_be_shown_leaves_the_photograph_and_its_name(tab, photo, tmp_path):
    (tmp_path / "text.jpg").write_text("no picture")
    stroke(tab, photo)
    choose(tab, "open", tmp_path / "text.jpg")
    status_shows(tab, "text.jpg: this file cannot be shown")
    assert text_of(tab, "name").startswith("rock.jpg")
    assert painted(tab)


def test_opening_another_photograph_loses_nothing_and_closing_asks(tab, photo, other_photo):
    stroke(tab, photo)
    before = painted(tab)
    open_photo(tab, other_photo)
    assert painted(tab) is None
    tab.evaluate("document.querySelector('#photos button').click()")
    tab.wait("document.getElementById('name').textContent.startsWith('rock.jpg')")
    assert painted(tab) == before
    click(tab, "close")
    tab.wait("document.getElementById('question').open")
    assert "rock.jpg is not downloaded" in text_of(tab, "question_text")
    click(tab, "no")
    assert text_of(tab, "name").startswith("rock.jpg")
    click(tab, "close")
    click(tab, "yes")
    tab.wait("document.getElementById('name').textContent.startsWith('other.png')")
    assert get(tab, "list", "hidden")


def test_an_untouched_photograph_makes_room_for_the_next(tab, photo, other_photo):
    open_photo(tab, photo)
    open_photo(tab, other_photo)
    assert get(tab, "list", "hidden")


def test_leaving_the_page_with_work_asks(tab, photo):
    leave = "!dispatchEvent(new Event('beforeunload', {cancelable: true}))"
    open_photo(tab, photo)
    assert not tab.evaluate(leave)
    drag(tab, (0.3, 0.5), (0.6, 0.5))
    assert tab.evaluate(leave)
