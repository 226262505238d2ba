"""Serves a user study: pages, pictures by their number, answers."""

import socketserver
import sys
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import cast
from urllib.parse import parse_qsl, urlencode, urlsplit

from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.web_names import LOCAL, OwnNames, why_strange
from glcic_jax.user_study import page
from glcic_jax.user_study.answers import TRUTHS, AnswerFile
from glcic_jax.user_study.connections import BoundedServer
from glcic_jax.user_study.fields import StudyRefusal, rater_of, seconds_of
from glcic_jax.user_study.pictures import Picture, Pictures, scene

LONGEST_BODY = 4096
"""Bytes of a request; an answer has about 200."""

POLICY = "default-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'"
"""Content-Security-Policy: a page loads from here only, and no other site shows it as its own."""


class StudyServer(BoundedServer):
    """Serves until `shutdown`, or Ctrl-C; `server_close` also closes the file of answers.

    All that it knows about a rater is in the answers, so it may be stopped and started again at any
    time. Whoever can reach it can answer, under any name.

    Args:
      pictures: the pictures to show.
      answers: CSV file to add to; it is made if it is not there.
      host: address to listen at.
      port: port to listen at; 0 = any that is free.
      seed: seed of the raters' orders.
      names: what `Host` and `Origin` may call it, besides an address in numbers.

    Raises:
      UserError: the address or the file cannot be used.
    """

    def __init__(
        self,
        pictures: Pictures,
        answers: Path,
        *,
        host: str,
        port: int,
        seed: int,
        names: OwnNames = LOCAL,
    ) -> None:
        self.pictures, self._seed, self.names = pictures, seed, names
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
        """Stops listening, and closes the file of answers."""
        super().server_close()
        self.answers.close()

    def server_bind(self) -> None:
        """Binds the address without asking the network for its name, which HTTPServer does."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def handle_error(self, request: object, client_address: object) -> None:
        """Prints an error in one line, unless a browser just went away."""
        error = sys.exception()
        if not isinstance(error, ConnectionError | TimeoutError):
            print(f"{type(error).__name__}: {error}", file=sys.stderr)

    def order(self, rater: str) -> list[Picture]:
        """Returns the pictures that this rater is shown, in order."""
        return self.pictures.order(rater, self._seed)

    def left(self, rater: str) -> list[int]:
        """Returns the numbers of the pictures that this rater has yet to judge.

        A scene that was judged before in its other version counts as judged.
        """
        seen = {scene(name) for name in self.answers.seen(rater)}
        return [i for i, p in enumerate(self.order(rater)) if scene(p.name) not in seen]


class StudyHandler(BaseHTTPRequestHandler):
    """Answers one request, and trusts none of its content."""

    timeout = 30  # seconds, after which a silent connection is closed
    server_version, sys_version = "user_study", ""

    @property
    def _study(self) -> StudyServer:
        return cast(StudyServer, self.server)

    def do_GET(self) -> None:
        """Answers with a page or a picture."""
        self._study.heard(self.connection)
        self._answered(self._get)

    def do_POST(self) -> None:
        """Takes a rater's answer."""
        self._answered(self._post)

    def _answered(self, work: Callable[[], None]) -> None:
        try:
            self._refuse_strangers()
            work()
        except StudyRefusal as refusal:
            self._send(page.refusal(refusal.reason).encode(), "text/html", refusal.status)

    def _refuse_strangers(self) -> None:
        """Refuses what another site had a browser send, or whatever came by another name."""
        host, origin = self.headers.get("Host", ""), self.headers.get("Origin")
        if reason := why_strange(host, origin, self._study.names):
            print(f"a request was refused: {reason}", file=sys.stderr)
            raise StudyRefusal(403, "This study has another address, or is asked by another site")

    def _get(self) -> None:
        try:
            url = urlsplit(self.path)
            fields = dict(parse_qsl(url.query, max_num_fields=8))
        except ValueError as error:
            raise StudyRefusal(400, "This address makes no sense") from error
        if url.path == "/":
            self._send(page.front(len(self._study.pictures)).encode(), "text/html")
        elif url.path == "/rate":
            self._send(self._next(rater_of(fields)).encode(), "text/html")
        elif url.path == "/picture":
            rater = rater_of(fields)
            self._send(self._png(self._picture(rater, fields)), "image/png")
        elif url.path == "/study.css":
            self._send(page.STYLE.encode(), "text/css")
        elif url.path == "/study.js":
            self._send(page.SCRIPT.encode(), "text/javascript")
        else:
            raise StudyRefusal(404, "There is no such page")

    def _next(self, rater: str) -> str:
        left, total = self._study.left(rater), len(self._study.pictures)
        if not left:
            return page.thanks(rater)
        return page.question(rater, left[0], total - len(left), total)

    def _picture(self, rater: str, fields: dict[str, str]) -> Picture:
        number, order = fields.get("number", ""), self._study.order(rater)
        if not (number.isascii() and number.isdigit() and len(number) < 10):
            raise StudyRefusal(404, "There is no such picture")
        if int(number) >= len(order):
            raise StudyRefusal(404, "There is no such picture")
        return order[int(number)]

    def _png(self, picture: Picture) -> bytes:
        try:
            return self._study.pictures.png(picture)
        except UserError as error:
            print(f"cannot be shown: {error}", file=sys.stderr)  # the page must not name the file
            raise StudyRefusal(500, "This picture cannot be shown") from error

    def _post(self) -> None:
        if urlsplit(self.path).path != "/answer":
            raise StudyRefusal(404, "There is no such page")
        fields = self._form()
        rater = rater_of(fields)
        picture = self._picture(rater, fields)
        answer = fields.get("answer", "")
        if answer not in TRUTHS:
            raise StudyRefusal(400, "This is not an answer")
        if int(fields["number"]) in self._study.left(rater):  # else: clicked twice
            try:
                self._study.answers.add(
                    rater, picture.name, picture.truth, answer, seconds_of(fields)
                )
            except OSError as error:
                print(f"an answer of {rater} was not saved: {error}", file=sys.stderr)
                raise StudyRefusal(507, "Your answer could not be saved: tell the host") from error
        self._send(b"", "text/html", 303, {"Location": f"rate?{urlencode({'rater': rater})}"})

    def _form(self) -> dict[str, str]:
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()):
            raise StudyRefusal(411, "An answer must state its length")
        if len(length) > 9 or int(length) > LONGEST_BODY:
            raise StudyRefusal(413, "This is too long for an answer")
        try:
            body = self.rfile.read(int(length)).decode()
            self._study.heard(self.connection)
            return dict(parse_qsl(body, keep_blank_values=True, max_num_fields=8))
        except ValueError as error:
            raise StudyRefusal(400, "This is not an answer") from error

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
        """Prints nothing: the answers are the log."""
