"""The server of a user study: pages, pictures by their number, answers."""

import socketserver
import sys
import unicodedata
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import cast
from urllib.parse import parse_qsl, urlencode, urlsplit

from glcic_jax.runtime.errors import UserError
from glcic_jax.user_study import page
from glcic_jax.user_study.answers import KINDS, AnswerFile
from glcic_jax.user_study.pictures import Picture, Pictures, scene

LONGEST_BODY = 4096
"""Bytes: an answer has about 200."""

POLICY = "default-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'"
"""What a page may load, where its forms go, and that no other site shows it as its own."""

LONGEST_LOOK = 86_400
"""Seconds: more is no browser of ours."""


class Refused(Exception):
    """A request that is answered by a status other than 200, and a line."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


class StudyServer(ThreadingHTTPServer):
    """Serves until `shutdown`, or Ctrl-C; `server_close` also lets go of the answers.

    Knows nothing of a rater but what the answers hold, so it may be stopped and started again at
    any time. Whoever can reach it can answer, under any name.

    Args:
      pictures: what is shown.
      answers: CSV to add to; made if it is not there.
      host: address to listen at.
      port: 0 = any that is free.
      seed: of the orders.

    Raises:
      UserError: the address or the file cannot be had.
    """

    def __init__(
        self, pictures: Pictures, answers: Path, *, host: str, port: int, seed: int
    ) -> None:
        self.pictures, self._seed = pictures, seed
        super().__init__((host, port), StudyHandler, bind_and_activate=False)
        try:
            self._listen()
            self.answers = AnswerFile(answers)  # only now: a refusal leaves no file behind
        except UserError:
            self.socket.close()
            raise

    def _listen(self) -> None:
        try:
            self.server_bind()
            self.server_activate()
        except (OSError, OverflowError) as error:
            host, port = self.server_address[:2]
            reason = getattr(error, "strerror", None) or error
            raise UserError(f"{host}:{port}: {reason}: choose another --host or --port") from error

    def server_close(self) -> None:
        """Stops listening, and lets go of the answers."""
        super().server_close()
        self.answers.close()

    def server_bind(self) -> None:
        """Without asking the network for the machine's name, as HTTPServer does."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that goes away is no error; anything else is told in a line."""
        error = sys.exception()
        if not isinstance(error, ConnectionError | TimeoutError):
            print(f"{type(error).__name__}: {error}", file=sys.stderr)

    def order(self, rater: str) -> list[Picture]:
        """What this rater is shown."""
        return self.pictures.order(rater, self._seed)

    def left(self, rater: str) -> list[int]:
        """Numbers of the pictures that this rater has yet to judge.

        A scene that was judged before, in a version that is not this order's, counts as judged.
        """
        seen = {scene(name) for name in self.answers.seen(rater)}
        return [i for i, p in enumerate(self.order(rater)) if scene(p.name) not in seen]


class StudyHandler(BaseHTTPRequestHandler):
    """One request. Whatever it says is taken for hostile."""

    timeout = 30  # seconds, after which a silent connection is closed
    server_version, sys_version = "user_study", ""

    @property
    def _study(self) -> StudyServer:
        return cast(StudyServer, self.server)

    def do_GET(self) -> None:
        """Pages and pictures."""
        self._answered(self._get)

    def do_POST(self) -> None:
        """Answers."""
        self._answered(self._post)

    def _answered(self, work) -> None:
        try:
            work()
        except Refused as refused:
            self._send(page.refusal(refused.reason).encode(), "text/html", refused.status)

    def _get(self) -> None:
        try:
            url = urlsplit(self.path)
            fields = dict(parse_qsl(url.query, max_num_fields=8))
        except ValueError as error:
            raise Refused(400, "This address makes no sense") from error
        if url.path == "/":
            self._send(page.front(len(self._study.pictures)).encode(), "text/html")
        elif url.path == "/rate":
            self._send(self._next(_rater(fields)).encode(), "text/html")
        elif url.path == "/picture":
            rater = _rater(fields)
            self._send(self._png(self._picture(rater, fields)), "image/png")
        elif url.path == "/study.css":
            self._send(page.STYLE.encode(), "text/css")
        elif url.path == "/study.js":
            self._send(page.SCRIPT.encode(), "text/javascript")
        else:
            raise Refused(404, "There is no such page")

    def _next(self, rater: str) -> str:
        left, total = self._study.left(rater), len(self._study.pictures)
        return (
            page.question(rater, left[0], total - len(left), total) if left else page.thanks(rater)
        )

    def _picture(self, rater: str, fields: dict[str, str]) -> Picture:
        number, order = fields.get("number", ""), self._study.order(rater)
        if not (number.isascii() and number.isdigit() and len(number) < 10):
            raise Refused(404, "There is no such picture")
        if int(number) >= len(order):
            raise Refused(404, "There is no such picture")
        return order[int(number)]

    def _png(self, picture: Picture) -> bytes:
        try:
            return self._study.pictures.png(picture)
        except UserError as error:
            print(f"cannot be shown: {error}", file=sys.stderr)  # the page must not name the file
            raise Refused(500, "This picture cannot be shown") from error

    def _post(self) -> None:
        origin = self.headers.get("Origin")
        if origin and urlsplit(origin).netloc != self.headers.get("Host"):
            raise Refused(403, "Answers come from this site's own pages only")
        if urlsplit(self.path).path != "/answer":
            raise Refused(404, "There is no such page")
        fields = self._form()
        rater = _rater(fields)
        picture = self._picture(rater, fields)
        answer = fields.get("answer", "")
        if answer not in KINDS:
            raise Refused(400, "This is no answer")
        if int(fields["number"]) in self._study.left(rater):  # else: clicked twice
            try:
                self._study.answers.add(
                    rater, picture.name, picture.truth, answer, _seconds(fields)
                )
            except OSError as error:
                print(f"an answer of {rater} was not saved: {error}", file=sys.stderr)
                raise Refused(507, "Your answer could not be saved: tell the host") from error
        self._send(b"", "text/html", 303, {"Location": f"/rate?{urlencode({'rater': rater})}"})

    def _form(self) -> dict[str, str]:
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()):
            raise Refused(411, "An answer tells its length")
        if len(length) > 9 or int(length) > LONGEST_BODY:
            raise Refused(413, "This is too long for an answer")
        try:
            body = self.rfile.read(int(length)).decode()
            return dict(parse_qsl(body, keep_blank_values=True, max_num_fields=8))
        except ValueError as error:
            raise Refused(400, "This is no answer") from error

    def _send(
        self, body: bytes, kind: str, status: int = 200, more: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        charset = "; charset=utf-8" if kind.startswith("text/") else ""
        headers = {
            "Content-Type": kind + charset,
            "Content-Length": str(len(body)),
            "Cache-Control": "no-store",
            "Content-Security-Policy": POLICY,
            "Referrer-Policy": "same-origin",
            "X-Content-Type-Options": "nosniff",
        }
        for name, value in (headers | (more or {})).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Silent: the answers are the log."""


def _rater(fields: dict[str, str]) -> str:
    """The rater's name, in one spelling.

    It begins with a letter or digit: spreadsheets take what begins otherwise for a formula.
    """
    name = " ".join(unicodedata.normalize("NFC", fields.get("rater", "")).split())
    if not (0 < len(name) <= page.LONGEST_NAME and name.isprintable() and name[0].isalnum()):
        raise Refused(
            400, f"A name has 1 to {page.LONGEST_NAME} characters and begins with a letter or digit"
        )
    return name


def _seconds(fields: dict[str, str]) -> str:
    """As the browser took them, or "" where it did not."""
    try:
        seconds = float(fields.get("seconds", ""))
    except ValueError:
        return ""
    return f"{seconds:.2f}" if 0 <= seconds <= LONGEST_LOOK else ""
