"""The web page under a real browser's mouse, fingers and keys."""

import base64
import json
import time
from contextlib import contextmanager

import numpy as np

SIZES = {"desktop": (1440, 900), "phone": (390, 844)}
"""Widths and heights of the windows that the page is tried in."""

ALT, CTRL, SHIFT = 1, 2, 8
"""Bits of keys that are held, as the browser's protocol counts them."""

CODES = {" ": ("Space", 32), "Enter": ("Enter", 13), "Escape": ("Escape", 27), "Tab": ("Tab", 9)}
"""Codes and numbers of keys that are not their own."""


@contextmanager
def page(browser_tab, port, size="desktop", dark=False):
    """The page in a new tab, freshly opened; it is closed afterwards."""
    tab = browser_tab.another()
    width, height = SIZES[size]
    phone = size == "phone"
    tab.send("Emulation.setDeviceMetricsOverride", width=width, height=height,
             deviceScaleFactor=1, mobile=phone)  # fmt: skip
    tab.send("Emulation.setTouchEmulationEnabled", enabled=phone)
    tab.send("Emulation.setFocusEmulationEnabled", enabled=True)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    tab.send("Emulation.setEmulatedMedia", features=[scheme])
    address = port if isinstance(port, str) else f"http://127.0.0.1:{port}/"
    tab.open(address)
    tab.wait("document.body?.dataset.ready")
    try:
        yield tab
    finally:
        tab.close()


def choose(tab, identity, *paths):
    """Opens files as the dialog of an <input type=file> does."""
    root = tab.send("DOM.getDocument")["root"]["nodeId"]
    node = tab.send("DOM.querySelector", nodeId=root, selector=f"#{identity}")["nodeId"]
    tab.send("DOM.setFileInputFiles", files=[str(path) for path in paths], nodeId=node)


def open_photo(tab, path):
    """Opens a photograph and waits until it is seen."""
    choose(tab, "open", path)
    tab.wait(
        f"document.getElementById('name').textContent.startsWith({path.name!r}) &&"
        "document.getElementById('photo').naturalWidth"
    )


def status_shows(tab, text):
    end = time.monotonic() + 20
    while text not in (line := text_of(tab, "status") or ""):
        assert time.monotonic() < end, f"the status is: {line}"
        time.sleep(0.02)


def click(tab, identity):
    tab.evaluate(f"document.getElementById({identity!r}).click()")


def set_value(tab, identity, value):
    """Moves a slider, or chooses from a list, as a user does."""
    tab.evaluate(f"(element => {{element.value = {value!r};"
                 "for (const kind of ['input', 'change']) element.dispatchEvent(new Event(kind));"
                 f"}})(document.getElementById({identity!r}))")  # fmt: skip


def box(tab, identity):
    """The left, top, width and height of an element in the window."""
    element = f"document.getElementById({identity!r})"
    script = "(({x, y, width, height}) => [x, y, width, height])"
    return tab.evaluate(f"{script}({element}.getBoundingClientRect())")


def middle(tab, identity):
    x, y, width, height = box(tab, identity)
    return x + width / 2, y + height / 2


def mouse(tab, kind, x, y, button="left", held=1, **more):
    tab.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button=button,
             buttons=held, clickCount=1, **more)  # fmt: skip


def press_at(tab, x, y, **more):
    """Clicks with the mouse at a point of the window."""
    for kind, held in (("mousePressed", 1), ("mouseReleased", 0)):
        mouse(tab, kind, x, y, held=held, **more)


def at(tab, x, y):
    """The point of the window at shares of the photograph's width and height."""
    left, top, width, height = box(tab, "view")
    return left + x * width, top + y * height


def drag(tab, *shares, button="left", **more):
    """Draws a line through points of the photograph, given as shares of its width and height."""
    held = {"left": 1, "middle": 4, "right": 2}[button]
    points = [at(tab, *share) for share in shares]
    kinds = ["mousePressed", *["mouseMoved"] * (len(points) - 1), "mouseReleased"]
    for kind, (x, y) in zip(kinds, [*points, points[-1]], strict=True):
        mouse(tab, kind, x, y, button, held * (kind != "mouseReleased"), **more)


def touch(tab, kind, *points):
    """Sends a touch event: touchStart, touchMove or touchEnd, with all fingers that are down."""
    fingers = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
    tab.send("Input.dispatchTouchEvent", type=kind, touchPoints=fingers)


def key(tab, name, held=0, kinds=("keyDown", "keyUp"), **more):
    codes = {
        " ": ("Space", 32),
        "Enter": ("Enter", 13),
        "Escape": ("Escape", 27),
        "Tab": ("Tab", 9),
    }
    code, number = codes.get(name, (name, ord(name) if len(name) == 1 else 0))
    for kind in kinds:
        tab.send("Input.dispatchKeyEvent", type=kind, key=name, code=code,
                 windowsVirtualKeyCode=number, modifiers=held, **more)  # fmt: skip


def get(tab, identity, name):
    """A property of an element."""
    return tab.evaluate(f"document.getElementById({identity!r}).{name}")


def text_of(tab, identity):
    return get(tab, identity, "textContent")


def is_off(tab, identity):
    return get(tab, identity, "ariaDisabled") == "true"


def tool(tab, name):
    tab.evaluate(f"document.querySelector('[data-tool={name}]').click()")


def completed(tab):
    """Completes, and waits until that is reported."""
    tab.evaluate("document.getElementById('status').textContent = ''")
    click(tab, "complete")
    status_shows(tab, "completed in")


def shown(tab, identity):
    """Whether an element is there and wholly within the window."""
    x, y, width, height = box(tab, identity)
    window = tab.evaluate("[innerWidth, innerHeight]")
    return width > 0 < height and x >= 0 <= y and x + width <= window[0] and y + height <= window[1]


def painted(tab, layer="mask"):
    """The bounds of what is painted, as shares of the photograph; None where nothing is."""
    return tab.evaluate(
        "(canvas => { const {width, height} = canvas;"
        "const {data} = canvas.getContext('2d').getImageData(0, 0, width, height);"
        "let found = null;"
        "for (let i = 3; i < data.length; i += 4) if (data[i] >= 128) {"
        "  const x = ((i - 3) / 4) % width, y = Math.floor((i - 3) / 4 / width);"
        "  found ??= [x, y, x, y];"
        "  found = [Math.min(found[0], x), Math.min(found[1], y), Math.max(found[2], x),"
        "           Math.max(found[3], y)]; }"
        "return found && [found[0] / width, found[1] / height, (found[2] + 1) / width,"
        "                 (found[3] + 1) / height];"
        f"}})(document.getElementById({layer!r}))"
    )


def shot(tab, path):
    """Writes what the window shows to a PNG."""
    path.write_bytes(base64.b64decode(tab.send("Page.captureScreenshot")["data"]))


def watch_requests(tab):
    """Begins to note what the page sends: `sent` returns it."""
    tab.evaluate(
        "window.sent = []; const [open, send] = [XMLHttpRequest.prototype.open,"
        "  XMLHttpRequest.prototype.send];"
        "XMLHttpRequest.prototype.open = function (method, url, ...rest) {"
        "  this.address = url; return open.call(this, method, url, ...rest); };"
        "XMLHttpRequest.prototype.send = function (form) {"
        "  window.sent.push(Object.fromEntries([['address', this.address], ...form].map("
        "    ([name, value]) => [name, value instanceof File ? value.name : value])));"
        "  return send.call(this, form); }; undefined"
    )


def sent(tab):
    """The forms that were sent: their address and fields, with the names of files."""
    return tab.evaluate("window.sent")


def pixels(tab, identity):
    """The pixels of an image that is shown, as [height, width, 3] lists."""
    text = tab.evaluate(
        f"(image => {{ const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight);"
        "const pen = canvas.getContext('2d'); pen.drawImage(image, 0, 0);"
        "return JSON.stringify([canvas.height, canvas.width,"
        "  ...pen.getImageData(0, 0, canvas.width, canvas.height).data]); })"
        f"(document.getElementById({identity!r}))"
    )
    height, width, *values = json.loads(text)
    return np.array(values, np.uint8).reshape(height, width, 4)[..., :3]


def stages(tab, photo, other):
    """Brings the page into each of its states, one after the other, and names them."""
    yield "empty"
    open_photo(tab, photo)
    for name in ("select", "border", "brush"):
        tool(tab, name)
        yield name
    drag(tab, (0.3, 0.5), (0.6, 0.5))
    completed(tab)
    yield "completed"
    if get(tab, "options", "offsetParent") is not None or shown(tab, "options"):
        click(tab, "options")
        yield "options"
    click(tab, "help")
    yield "help"
    click(tab, "keys_close")
    open_photo(tab, other)
    yield "list"
    drag(tab, (0.3, 0.5), (0.6, 0.5))
    click(tab, "close")
    yield "question"
    click(tab, "no")
