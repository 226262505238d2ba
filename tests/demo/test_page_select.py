"""Click to select on the web page, in a real browser."""

import json

import cv2
import numpy as np
import pytest

from tests.helpers.demo_page import (
    ALT,
    click,
    completed,
    drag,
    is_off,
    open_photo,
    painted,
    sent,
    status_shows,
    text_of,
    tool,
    watch_requests,
)
from tests.helpers.pictures import file_of

pytestmark = pytest.mark.slow  # a browser and a server
BALL, DOT = (0.3, 0.5), (0.75, 0.5)


@pytest.fixture(scope="module")
def things(tmp_path_factory):
    """A red ball and a blue dot before a pale ground, in a file."""
    noise = np.random.default_rng(0).integers(0, 12, (240, 320, 3))
    image = (np.full((240, 320, 3), (205, 200, 190)) + noise).astype(np.uint8)
    cv2.circle(image, (96, 120), 40, (180, 40, 30), -1)
    cv2.circle(image, (240, 120), 22, (30, 50, 170), -1)
    path = tmp_path_factory.mktemp("things") / "things.png"
    path.write_bytes(file_of(image))
    return path


def selecting(tab, things):
    open_photo(tab, things)
    tool(tab, "select")
    tab.evaluate("grow.value = 0; grow.dispatchEvent(new Event('input'))")
    watch_requests(tab)


def click_at(tab, place, **more):
    drag(tab, place, place, **more)
    tab.wait("document.getElementById('working').hidden")


def test_a_click_marks_the_thing_and_more_clicks_refine_it(tab, things):
    selecting(tab, things)
    click_at(tab, BALL)
    status_shows(tab, "selected: more clicks refine it")
    ball = [56 / 320, 80 / 240, 136 / 320, 160 / 240]
    assert painted(tab) == pytest.approx(ball, abs=0.02)
    click_at(tab, DOT)
    both = [56 / 320, 80 / 240, 262 / 320, 160 / 240]
    assert painted(tab) == pytest.approx(both, abs=0.02)
    click_at(tab, DOT, modifiers=ALT)  # that one was not meant
    assert painted(tab)[2] < 0.7
    clicks = [len(json.loads(form["marks"])) for form in sent(tab)]
    assert clicks == [1, 2, 3]
    click(tab, "undo")
    assert painted(tab) == pytest.approx(both, abs=0.02)
    click_at(tab, DOT, button="right")
    assert painted(tab)[2] < 0.7
    completed(tab)
    assert painted(tab) is None


def test_a_scribble_selects_and_a_second_thing_is_begun_apart(tab, things):
    selecting(tab, things)
    drag(tab, (0.25, 0.5), (0.3, 0.45), (0.35, 0.5))
    status_shows(tab, "selected")
    tab.wait("document.getElementById('working').hidden")
    click(tab, "next_thing")
    click_at(tab, DOT)
    clicks = [len(json.loads(form["marks"])) for form in sent(tab)]
    assert clicks == [1, 1]
    assert painted(tab)[2] == pytest.approx(262 / 320, abs=0.02)
    assert painted(tab)[0] == pytest.approx(56 / 320, abs=0.02)


def test_a_click_that_takes_away_needs_a_thing_first(tab, things):
    selecting(tab, things)
    click_at(tab, BALL, modifiers=ALT)
    status_shows(tab, "click on the thing first")
    assert not sent(tab)
    assert is_off(tab, "undo")


def test_a_selection_stays_with_its_photograph(tab, things, other_photo, site):
    selecting(tab, things)
    with site.held():
        drag(tab, BALL, BALL)
        open_photo(tab, other_photo)
    tab.wait("document.getElementById('working').hidden")
    assert painted(tab) is None
    assert is_off(tab, "undo")
    tab.evaluate("document.querySelector('#photos button').click()")
    tab.wait("document.getElementById('name').textContent.startsWith('things.png')")
    assert painted(tab)
    assert text_of(tab, "name").startswith("things.png")


def test_large_photographs_are_sent_as_smaller_copies(tab, tmp_path):
    image = np.full((900, 2000, 3), 200, np.uint8)
    cv2.circle(image, (1000, 450), 200, (20, 40, 160), -1)
    (tmp_path / "large.png").write_bytes(file_of(image))
    selecting(tab, tmp_path / "large.png")
    click_at(tab, (0.5, 0.5))
    status_shows(tab, "selected")
    (form,) = sent(tab)
    [(x, y)] = json.loads(form["marks"])[0]["points"]
    assert (x, y) == pytest.approx((768, 345.6), abs=2)  # 1536 pixels wide
    assert painted(tab) == pytest.approx([0.4, 250 / 900, 0.6, 650 / 900], abs=0.01)
