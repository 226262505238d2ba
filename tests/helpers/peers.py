"""Processes of a run of two that are threads here, and strangers' connections to them."""

import socket
import threading
import time

from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.peers import Peers
from glcic_jax.runtime.run_token import RunToken
from tests.helpers.nodes import BOUND

HELLO = {"index": 1, "count": 2, "host": "stranger"}


class Process(threading.Thread):
    """Stands for one process of a run of two: here a thread, and what becomes of it."""

    def __init__(self, folder, port, index, seconds=BOUND):
        super().__init__(daemon=True)
        self.token, self.outcome, self.raised = RunToken(folder), None, ""
        self._arguments = ("127.0.0.1", port), 2, index, self.token
        self._seconds = seconds
        self.start()

    def run(self):
        try:
            self.outcome = Peers(
                *self._arguments, start_seconds=self._seconds, silent_seconds=BOUND
            )
        except UserError as error:
            self.raised = str(error)

    def joined(self):
        self.join(BOUND)
        assert self.outcome is not None, self.raised
        return self.outcome

    def refused(self):
        self.join(BOUND)
        assert self.outcome is None
        return self.raised


def connected(port):
    """Returns a connection to process 0, as soon as it answers."""
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=BOUND)
        except OSError:
            time.sleep(0.05)


def hung_up_on(connection):
    """Returns whether process 0 ends the connection, whatever it sent before."""
    try:
        while connection.recv(4096):
            pass
    except ConnectionResetError:
        pass
    return True


def together(all_, what):
    """Returns the results of `what`, done by all at once."""
    results = {}
    threads = [
        threading.Thread(target=lambda p=p, i=i: results.update({i: what(p)}))
        for i, p in enumerate(all_)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(BOUND)
    return [results[i] for i in range(len(all_))]


def run_goes_on(first, second):
    """Asserts that both processes join, exchange a number and leave."""
    all_ = [first.joined(), second.joined()]
    assert together(all_, lambda p: p.gather(p._index)) == [[0, 1]] * 2
    together(all_, Peers.leave)
