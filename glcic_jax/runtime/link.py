"""Connects two processes of a run."""

import contextlib
import hmac
import json
import secrets
import socket
import threading
from typing import Any

from glcic_jax.runtime.run_token import RunToken, TokenError

LONGEST = 2**20
"""Bytes of a message."""

LONGEST_HELLO = 512
"""Bytes of a message from somebody who has not shown yet that it knows the token."""

HELLO_SECONDS = 5.0
"""Seconds in which whoever connects has to show that it knows the token."""


class Link:
    """Carries JSON objects over one connection, a line each."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket, self._file = connection, connection.makefile("rb")
        self._sending = threading.Lock()

    def timeout(self, seconds: float) -> None:
        """Sets how long to wait for a message."""
        self._socket.settimeout(seconds)

    def send(self, message: dict) -> None:
        """Sends one message. Errors are ignored: a lost connection is found by the reading side."""
        data = json.dumps(message).encode() + b"\n"
        with contextlib.suppress(OSError), self._sending:
            self._socket.sendall(data)

    def receive(self, longest: int = LONGEST) -> dict:
        """Returns the next message, but for empty ones: those are signs of life.

        Raises:
          OSError: the other side is gone, or silent for too long.
          ValueError: what came is not a message.
        """
        while True:
            line = self._file.readline(longest)
            if not line.endswith(b"\n"):
                raise ConnectionError("the connection is closed")
            message = json.loads(line)
            if not isinstance(message, dict):
                raise ValueError("not an object")
            if message:
                return message

    def let_in(self, token: str) -> dict[str, Any]:
        """Makes the other side prove that it knows the token, and proves the same to it.

        Returns:
          The hello of the other side, without its proof.

        Raises:
          TokenError: its proof is wrong.
          OSError: it is gone, or took too long.
          ValueError: what it sent is not a message.
        """
        nonce = secrets.token_hex(16)
        patience = threading.Timer(HELLO_SECONDS, self.hang_up)
        patience.daemon = True
        patience.start()
        try:
            self.send({"nonce": nonce})
            hello = self.receive(LONGEST_HELLO)
        finally:
            patience.cancel()
        proof, nonces = hello.pop("proof", None), [nonce, hello.pop("nonce", None)]
        if not _is(proof, _proof(token, "joins", nonces, hello)):
            self.send({"refused": True})
            raise TokenError("wrong token")
        self.send({"proof": _proof(token, "lets in", nonces, hello)})
        return hello

    def join(self, token: RunToken, hello: dict[str, Any]) -> None:
        """Proves to process 0 that this process knows the token, and has it prove the same.

        Args:
          token: its file is read once process 0 has answered, and so has written it.
          hello: number and host of this process, and how many there are.

        Raises:
          TokenError: there is no token, or process 0 has another one.
          OSError: process 0 is gone, or silent for too long.
          ValueError: what it sent is not a message.
        """
        nonces = [self.receive(LONGEST_HELLO).get("nonce"), secrets.token_hex(16)]
        secret = token.read()
        self.send(hello | {"nonce": nonces[1], "proof": _proof(secret, "joins", nonces, hello)})
        proof = self.receive(LONGEST_HELLO).get("proof")
        if not _is(proof, _proof(secret, "lets in", nonces, hello)):
            raise TokenError(f"has another token than {token.source}")

    def hang_up(self) -> None:
        """Lets whoever reads on either side find the end."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Hangs up; not to be called while another thread reads."""
        self._file.close()
        self._socket.close()


def _proof(token: str, what: str, nonces: list, hello: dict) -> str:
    """Returns what only somebody who knows the token can compute of these random nonces."""
    text = json.dumps([what, nonces, hello], sort_keys=True)
    return hmac.new(token.encode(), text.encode(), "sha256").hexdigest()


def _is(proof: object, expected: str) -> bool:
    return hmac.compare_digest(str(proof).encode(errors="replace"), expected.encode())
