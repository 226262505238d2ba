"""Chromium without a window, driven by its DevTools protocol over two pipes: needs no package."""

import json
import os
import shutil
import subprocess
import time
from contextlib import contextmanager, suppress

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_browser():
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Tab:
    def __init__(self, reader, writer):
        self._reader, self._writer, self._sent, self._session = reader, writer, 0, None
        self._target = self.send("Target.createTarget", url="about:blank")["targetId"]
        attached = self.send("Target.attachToTarget", targetId=self._target, flatten=True)
        self._session = attached["sessionId"]

    def send(self, method, **params):
        self._sent += 1
        message = {"id": self._sent, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        self._writer.write(json.dumps(message).encode() + b"\0")
        self._writer.flush()
        while True:
            answer = b"".join(iter(lambda: self._reader.read(1), b"\0"))
            reply = json.loads(answer)
            if reply.get("id") == self._sent:
                if "error" in reply:
                    raise RuntimeError(reply["error"]["message"])
                return reply["result"]

    def evaluate(self, script):
        """The value of a script; None if its page went away meanwhile."""
        with suppress(RuntimeError):
            reply = self.send("Runtime.evaluate", expression=script, returnByValue=True)
            return reply["result"].get("value")

    def wait(self, script, seconds=60):
        """Until a script is true."""
        end = time.monotonic() + seconds
        while not self.evaluate(script):
            assert time.monotonic() < end, f"never came true: {script}"
            time.sleep(0.02)

    def open(self, url):
        self.send("Page.navigate", url=url)

    def another(self):
        """A second tab of the same browser; one is used at a time."""
        return Tab(self._reader, self._writer)

    def close(self):
        """Closes the tab without asking its page, which may have work that is not saved."""
        self._session, session = None, self._session
        self.send("Target.closeTarget", targetId=self._target)
        self._session = session

    def press(self, key):
        for kind in ("keyDown", "keyUp"):
            self.send("Input.dispatchKeyEvent", type=kind, key=key)


@contextmanager
def browser(profile):
    """A tab of a fresh Chromium, which ends with the block."""
    their_input, our_output = os.pipe()
    our_input, their_output = os.pipe()
    flags = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}"]
    # Chromium reads from descriptor 3 and writes to 4.
    shell = 'in=$1 out=$2; shift 2; exec "$@" 3<&$in 4>&$out'
    process = subprocess.Popen(
        ["bash", "-c", shell, "-", str(their_input), str(their_output),
         find_browser(), *flags, "--remote-debugging-pipe"],
        pass_fds=(their_input, their_output), stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(their_input)
    os.close(their_output)
    with open(our_input, "rb") as reader, open(our_output, "wb") as writer:  # noqa: PTH123
        try:
            tab = Tab(reader, writer)
            yield tab
            tab._session = None
            tab.send("Browser.close")
        finally:
            process.kill()
            process.wait()
