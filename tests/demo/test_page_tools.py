"""What the web page's tools mark, in a real browser."""

import numpy as np
import pytest

from tests.helpers.demo_page import (
    ALT,
    SHIFT,
    at,
    box,
    choose,
    click,
    completed,
    drag,
    get,
    is_off,
    key,
    mouse,
    open_photo,
    painted,
    sent,
    set_value,
    status_shows,
    text_of,
    tool,
    watch_requests,
)
from tests.helpers.pictures import file_of

pytestmark = pytest.mark.slow  # a browser and a server
PIXEL = 1 / 320  # of the photograph's width


def opened(tab, photo, name, grow=0):
    open_photo(tab, photo)
    tool(tab, name)
    set_value(tab, "grow", grow)


def test_a_box_is_marked_as_it_was_dragged_and_a_click_marks_none(tab, photo):
    opened(tab, photo, "box")
    drag(tab, (0.25, 0.25), (0.4, 0.5), (0.75, 0.5))
    assert painted(tab) == pytest.approx([0.25, 0.25, 0.75, 0.5], abs=2 * PIXEL)
    click(tab, "undo")
    drag(tab, (0.5, 0.5), (0.5, 0.5))
    assert is_off(tab, "undo")


def test_a_box_by_keyboard_moves_grows_and_is_marked_by_enter(tab, photo):
    opened(tab, photo, "box")
    tab.evaluate("document.getElementById('stage').focus()")
    key(tab, "ArrowLeft")  # the box appears in the middle
    assert painted(tab) == pytest.approx([0.375, 0.375, 0.625, 0.625], abs=PIXEL)
    key(tab, "ArrowLeft")
    key(tab, "ArrowUp", ALT)
    key(tab, "ArrowDown", SHIFT)
    step = 12  # a twentieth of 240 pixels
    expected = [120 - step, 90 - 1, 200 - step, 150 - 1 + step]
    assert is_off(tab, "complete")  # it is not marked yet
    key(tab, "Enter")
    left, top, right, bottom = painted(tab)
    found = np.array([left * 320, top * 240, right * 320, bottom * 240])
    np.testing.assert_allclose(found, expected, atol=0.01)
    assert not is_off(tab, "complete")
    key(tab, "ArrowLeft")
    key(tab, "Escape")
    assert tab.evaluate("document.activeElement.id") == "stage"
    status_shows(tab, "no box")


def test_a_lasso_marks_what_is_within(tab, photo):
    opened(tab, photo, "lasso")
    drag(tab, (0.3, 0.3), (0.7, 0.3), (0.7, 0.7), (0.3, 0.7))
    assert painted(tab) == pytest.approx([0.3, 0.3, 0.7, 0.7], abs=2 * PIXEL)


def test_a_border_is_dragged_in_from_an_edge_or_marked_on_all_four(tab, photo):
    opened(tab, photo, "border")
    drag(tab, (0.02, 0.5), (0.1, 0.5))
    assert painted(tab) == pytest.approx([0, 0, 0.1, 1], abs=2 * PIXEL)
    click(tab, "undo")
    if get(tab, "mark_border", "offsetParent") is None and get(tab, "options", "ariaExpanded"):
        click(tab, "options")  # on a phone they are folded away
    set_value(tab, "border_width", 200)
    click(tab, "mark_border")
    status_shows(tab, "a border has 1 to 119 pixels here")
    set_value(tab, "border_width", 20)
    click(tab, "mark_border")
    assert painted(tab) == [0, 0, 1, 1]
    alpha = "document.getElementById('mask').getContext('2d').getImageData(160, {}, 1, 1).data[3]"
    assert [tab.evaluate(alpha.format(y)) for y in (19, 20, 120, 219, 220)] == [255, 0, 0, 0, 255]


def test_marks_grow_a_little_unless_that_is_switched_off(tab, photo):
    start = get(tab, "grow", "value")
    opened(tab, photo, "box")
    drag(tab, (0.25, 0.25), (0.75, 0.5))
    exact = painted(tab)
    set_value(tab, "grow", start)
    assert text_of(tab, "growth") == "1 pixel"
    grown = painted(tab)
    np.testing.assert_allclose(np.subtract(exact, grown)[[0, 2]] * 320, [1, -1], atol=0.01)
    set_value(tab, "grow", 40)
    np.testing.assert_allclose(np.subtract(exact, painted(tab))[0] * 320, 13, atol=0.01)


def test_a_mask_file_is_added_and_grows_too(tab, photo, tmp_path):
    mask = np.zeros((240, 320), np.uint8)
    mask[100:140, 50:90] = 255
    (tmp_path / "mask.png").write_bytes(file_of(mask))
    (tmp_path / "small.png").write_bytes(file_of(mask[:9, :9]))
    opened(tab, photo, "brush")
    choose(tab, "upload", tmp_path / "small.png")
    status_shows(tab, "the mask has 9 x 9 pixels and the photograph 320 x 240")
    assert is_off(tab, "undo")
    choose(tab, "upload", tmp_path / "mask.png")
    status_shows(tab, "the mask is added")
    assert painted(tab) == pytest.approx([50 / 320, 100 / 240, 90 / 320, 140 / 240])
    set_value(tab, "grow", 25)  # 8 pixels
    bounds = [42 / 320, 92 / 240, 98 / 320, 148 / 240]
    assert painted(tab) == pytest.approx(bounds, abs=PIXEL)
    full = "[...document.getElementById('mask').getContext('2d').getImageData(48, 98, 44, 44).data]"
    assert min(np.reshape(tab.evaluate(full), (-1, 4))[:, 3]) == 255  # without gaps


def test_an_area_to_avoid_is_sent_with_texture_and_stays(tab, photo):
    opened(tab, photo, "avoid")
    watch_requests(tab)
    drag(tab, (0.1, 0.9), (0.9, 0.9))
    assert painted(tab, "avoid")
    assert painted(tab) is None
    assert is_off(tab, "complete")  # nothing is to be filled yet
    tool(tab, "brush")
    drag(tab, (0.3, 0.4), (0.6, 0.4))
    completed(tab)
    assert "avoid" not in sent(tab)[-1]  # without texture nothing is copied
    click(tab, "undo")
    tab.evaluate("document.getElementById('texture').checked || texture.click()")
    completed(tab)
    assert sent(tab)[-1]["avoid"] == "avoid.png"
    assert painted(tab) is None
    assert painted(tab, "avoid")


def test_the_circle_shows_the_brush_in_its_true_size(tab, photo):
    opened(tab, photo, "brush")
    tab.send("Emulation.setTouchEmulationEnabled", enabled=False)
    mouse(tab, "mouseMoved", *at(tab, 0.5, 0.5), held=0)
    left, top, wide, high = box(tab, "circle")
    assert (left + wide / 2, top + high / 2) == pytest.approx(at(tab, 0.5, 0.5), abs=1)
    drag(tab, (0.5, 0.5), (0.5, 0.5))
    x0, _, x1, _ = painted(tab)
    view = box(tab, "view")
    assert wide == high == pytest.approx((x1 - x0) * view[2], abs=2 * view[2] / 320)
    key(tab, "]")
    assert box(tab, "circle")[2] > 1.1 * wide
    tool(tab, "box")  # which has no width
    assert get(tab, "circle", "hidden")
