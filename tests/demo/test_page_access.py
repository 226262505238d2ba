"""The web page for everybody: focus, names, sizes, contrasts, and a calm status line."""

import itertools
import time

import pytest

from tests.helpers.browser import find_browser
from tests.helpers.demo_page import (
    SIZES,
    box,
    click,
    completed,
    drag,
    get,
    is_off,
    key,
    open_photo,
    shown,
    stages,
    status_shows,
)

pytestmark = [
    pytest.mark.slow,  # a browser and a server
    pytest.mark.skipif(find_browser() is None, reason="no Chromium or Chrome on this machine"),
]
LOOKS = [(size, dark) for size in SIZES for dark in (False, True)]
SMALL = """
(() => {
  const seen = (element) => element.checkVisibility() && !element.closest("p a");
  const all = [...document.querySelectorAll(
    "button, select, input:not([type=checkbox]), label.check, #edge, a")].filter(seen);
  return all.map((element) => [element.id || element.textContent.trim(),
    element.getBoundingClientRect()]).filter(([name, {width, height}]) =>
    Math.round(width) < 44 || Math.round(height) < 44).map(([name, {width, height}]) =>
    `${name}: ${width} x ${height}`);
})()
"""
PALE = """
(() => {
  const part = (value) => (value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  const light = ([r, g, b]) =>
    0.2126 * part(r / 255) + 0.7152 * part(g / 255) + 0.0722 * part(b / 255);
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    const texts = [...element.childNodes].filter((node) => node.nodeType === 3);
    if (!texts.some((node) => node.data.trim()) || !element.checkVisibility()) continue;
    if (element.disabled || element.matches("option, script, style")) continue;
    const [a, b] = [light(parse(getComputedStyle(element).color)), light(ground(element))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) found.push(`${element.textContent.trim()}: ${contrast.toFixed(2)}`);
  }
  return found;
})()
"""


def test_every_target_has_44_pixels(tab, photo, other_photo):
    for stage in stages(tab, photo, other_photo):
        assert tab.evaluate(SMALL) == [], stage


@pytest.mark.parametrize(("size", "dark"), LOOKS)
def test_every_text_has_a_contrast_of_4_5_in_light_and_dark(site, photo, other_photo, size, dark):
    with site.page(size, dark) as tab:
        ground = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"
        assert (max(tab.evaluate(ground)) < 60) is dark  # as the system has it
        for stage in stages(tab, photo, other_photo):
            assert tab.evaluate(PALE) == [], stage
        status_shows(tab, "")
        tab.evaluate("document.getElementById('status').classList.add('wrong')")
        assert tab.evaluate(PALE) == []


def test_everything_that_is_used_has_a_name(tab, photo, other_photo):
    roles = {"button", "slider", "checkbox", "switch", "combobox", "spinbutton", "application"}
    tab.send("Accessibility.enable")
    for stage in stages(tab, photo, other_photo):
        nodes = tab.send("Accessibility.getFullAXTree")["nodes"]
        used = [node for node in nodes if node.get("role", {}).get("value") in roles]
        assert used
        nameless = [node for node in used if not node.get("name", {}).get("value")]
        assert nameless == [], stage
        names = [node["name"]["value"] for node in used if node["role"]["value"] == "slider"]
        assert any(name.startswith("Brush") for name in names) or stage in ("help", "question")
        assert "Before and after" in names or stage not in ("completed", "options")


def test_the_status_changes_once_a_second_at_most(tab, photo, site):
    open_photo(tab, photo)
    drag(tab, (0.3, 0.5), (0.6, 0.5))
    time.sleep(1.1)
    tab.evaluate(
        "window.times = []; new MutationObserver(() => times.push(performance.now())).observe("
        "document.getElementById('status'), {childList: true, characterData: true, subtree: true})"
    )
    with site.held():
        click(tab, "complete")
        time.sleep(3)
        assert shown(tab, "doing")
        while_held = tab.evaluate("times.length")
    status_shows(tab, "completed in")
    times = tab.evaluate("times")
    assert while_held <= 3
    assert all(later - earlier > 900 for earlier, later in itertools.pairwise(times))
    assert get(tab, "status", "role") == "status"
    assert get(tab, "status", "ariaLive") == "polite"


def test_the_focus_is_never_lost_to_the_body(tab, photo, other_photo, site):
    focus = "document.activeElement.id || document.activeElement.tagName"

    def use(identity):
        """Presses a button as a keyboard does."""
        tab.evaluate(f"document.getElementById({identity!r}).focus()")
        click(tab, identity)

    open_photo(tab, photo)
    drag(tab, (0.3, 0.5), (0.6, 0.5))
    assert tab.evaluate(focus) == "stage"
    use("complete")
    status_shows(tab, "completed in")
    assert tab.evaluate(focus) == "complete"
    use("undo")
    use("redo")
    assert is_off(tab, "redo")
    assert tab.evaluate(focus) == "redo"
    use("undo")
    with site.held():
        use("complete")
        time.sleep(0.7)
        use("cancel")
        tab.wait("document.getElementById('working').hidden")
        assert tab.evaluate(focus) == "complete"
    use("help")
    key(tab, "Escape")
    tab.wait("!document.getElementById('keys').open")
    assert tab.evaluate(focus) == "help"
    open_photo(tab, other_photo)
    use("close")
    tab.wait("document.getElementById('list').hidden")
    assert tab.evaluate(focus) == "stage"
    completed(tab)
    use("hold")
    use("undo")
    tab.evaluate("document.getElementById('redo').click()")
    tab.evaluate("document.getElementById('hold').focus()")
    key(tab, "z", 2)
    assert get(tab, "result", "hidden")
    assert tab.evaluate(focus) == "complete"


def test_the_tab_key_goes_through_what_is_seen_in_order(tab, photo):
    open_photo(tab, photo)
    reached = []
    for _ in range(60):
        key(tab, "Tab")
        name = tab.evaluate("document.activeElement.id || document.activeElement.dataset?.tool")
        if name in reached:
            break
        if name:
            reached.append(name)
        assert tab.evaluate("document.activeElement.checkVisibility()"), name
    order = ["open_file", "undo", "download", "help", "brush", "avoid", "stage", "complete"]
    assert [name for name in reached if name in order] == order


def test_one_control_opens_a_photograph(tab):
    assert tab.evaluate("document.getElementById('drop').textContent.replace(/\\s+/g, ' ').trim()"
                        ) == "Drop a photograph here, paste it, or open one"  # fmt: skip
    assert tab.evaluate("document.querySelectorAll('input[type=file]:not([hidden])').length") == 0


def test_the_shortcuts_are_shown_and_the_single_keys_can_be_switched_off(tab, photo):
    open_photo(tab, photo)
    key(tab, "?")
    tab.wait("document.getElementById('keys').open")
    rows = get(tab, "shortcuts", "innerText")
    for text in ("Ctrl", "complete", "undo", "lasso", "hold to compare"):
        assert text in rows
    click(tab, "letters")
    click(tab, "keys_close")
    key(tab, "r")
    pressed = "document.querySelector('[aria-pressed=true]').dataset.tool"
    assert tab.evaluate(pressed) == "brush"
    click(tab, "letters")
    for letter, name in zip("esrlfab", ["erase", "select", "box", "lasso", "border", "avoid",
                                        "brush"], strict=True):  # fmt: skip
        key(tab, letter)
        assert tab.evaluate(pressed) == name
    drag(tab, (0.3, 0.5), (0.6, 0.5))
    key(tab, "Enter", 2)
    status_shows(tab, "completed in")


@pytest.mark.parametrize("size", [(320, 256), (844, 390)], ids=["enlarged", "phone lying"])
def test_in_low_windows_everything_can_be_scrolled_to(site, photo, size):
    with site.page("phone") as tab:
        tab.send("Emulation.setDeviceMetricsOverride", width=size[0], height=size[1],
                 deviceScaleFactor=1, mobile=False)  # fmt: skip
        open_photo(tab, photo)
        drag(tab, (0.3, 0.5), (0.6, 0.5))
        completed(tab)
        for name in ("open_file", "help", "stage", "size", "hold", "complete", "status"):
            tab.evaluate(f"document.getElementById({name!r}).scrollIntoView({{block: 'nearest'}})")
            left, top, width, height = box(tab, name)
            assert left >= 0, name
            assert left + width <= size[0], name
            assert name == "stage" or (top >= 0 and int(top + height) <= size[1]), name
        last = "document.querySelector('[data-tool=avoid]')"
        tab.evaluate(f"{last}.scrollIntoView({{block: 'nearest'}})")
        assert tab.evaluate(f"{last}.getBoundingClientRect().bottom") <= size[1]
