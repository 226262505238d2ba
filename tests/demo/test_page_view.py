"""Zoom and pan on the web page, in a real browser."""

import pytest

from tests.helpers.demo_page import (
    at,
    box,
    click,
    drag,
    is_off,
    key,
    mouse,
    open_photo,
    painted,
    text_of,
)
from tests.helpers.pictures import file_of, photograph

pytestmark = pytest.mark.slow  # a browser and a server


def wheel(tab, x, y, by):
    tab.send("Input.dispatchMouseEvent", type="mouseWheel", x=x, y=y, deltaX=0, deltaY=by)


def middle_of(tab, identity):
    left, top, width, height = box(tab, identity)
    return left + width / 2, top + height / 2


def test_small_photographs_are_enlarged_and_large_ones_made_to_fit(tab, tmp_path):
    for name, height, width in (("small.png", 24, 32), ("large.png", 1200, 1600)):
        (tmp_path / name).write_bytes(file_of(photograph(3, height, width)))
        open_photo(tab, tmp_path / name)
        stage, view = box(tab, "stage"), box(tab, "view")
        fill = max(view[2] / stage[2], view[3] / stage[3])
        assert 0.9 < fill <= 1, name
        assert middle_of(tab, "view") == pytest.approx(middle_of(tab, "stage"), abs=1)
    assert tab.evaluate("getComputedStyle(photo).imageRendering") == "auto"


def test_the_wheel_zooms_about_the_pointer(tab, photo):
    open_photo(tab, photo)
    before = box(tab, "view")
    point = at(tab, 0.25, 0.25)
    wheel(tab, *point, -300)
    tab.wait(f"document.getElementById('view').getBoundingClientRect().width > {before[2]} * 1.3")
    assert at(tab, 0.25, 0.25) == pytest.approx(point, abs=1)
    click(tab, "fit")
    assert box(tab, "view") == pytest.approx(before, abs=0.5)


def test_zooming_has_ends_and_the_photograph_stays_in_sight(tab, photo):
    open_photo(tab, photo)
    for _ in range(40):
        click(tab, "zoom_in")
    assert text_of(tab, "percent") == "3200 %"
    for _ in range(60):
        click(tab, "zoom_out")
    assert box(tab, "view")[2] > 50
    click(tab, "fit")
    drag(tab, (0.5, 0.5), (9, 9), button="middle")
    left, top, *_ = box(tab, "view")
    stage = box(tab, "stage")
    assert left < stage[0] + stage[2]
    assert top < stage[1] + stage[3]


def test_space_or_the_middle_button_and_a_drag_pan_and_paint_nothing(tab, photo):
    open_photo(tab, photo)
    tab.send("Emulation.setTouchEmulationEnabled", enabled=False)
    mouse(tab, "mouseMoved", *at(tab, 0.5, 0.5), held=0)
    before = box(tab, "view")
    key(tab, " ", kinds=["keyDown"])
    drag(tab, (0.5, 0.5), (0.6, 0.5))
    key(tab, " ", kinds=["keyUp"])
    moved = box(tab, "view")
    assert moved[0] - before[0] == pytest.approx(0.1 * before[2], abs=1)
    drag(tab, (0.5, 0.5), (0.4, 0.5), button="middle")
    assert box(tab, "view") == pytest.approx(before, abs=1)
    assert painted(tab) is None
    assert is_off(tab, "undo")
    drag(tab, (0.5, 0.5), (0.6, 0.5))  # the space bar is up: this paints
    assert painted(tab)


def test_what_is_painted_while_zoomed_in_lies_where_it_was_painted(tab, photo):
    open_photo(tab, photo)
    point = at(tab, 0.25, 0.25)
    wheel(tab, *point, -600)
    tab.wait("Number.parseInt(percent.textContent) > 150")
    drag(tab, (0.25, 0.25), (0.25, 0.25))
    x0, y0, x1, y1 = painted(tab)
    assert ((x0 + x1) / 2, (y0 + y1) / 2) == pytest.approx((0.25, 0.25), abs=0.01)


def test_keys_zoom_too(tab, photo):
    open_photo(tab, photo)
    fitted = box(tab, "view")
    key(tab, "1")
    assert text_of(tab, "percent") == "100 %"
    assert box(tab, "view")[2] == pytest.approx(320)
    key(tab, "+")
    assert text_of(tab, "percent") == "125 %"
    key(tab, "0")
    assert box(tab, "view") == pytest.approx(fitted, abs=0.5)
