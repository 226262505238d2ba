"""The web page behind a proxy, below a path of another site, in a real browser."""

import threading
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.helpers.demo_page import completed, drag, open_photo

pytestmark = pytest.mark.slow  # a browser and a server
PREFIX = "/tools/fill"


@contextmanager
def proxy(port):
    """A server that passes on what is asked below PREFIX, and knows nothing else."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            if not self.path.startswith(PREFIX):
                self.send_error(404)
                return
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            connection = HTTPConnection("127.0.0.1", port, timeout=60)
            path = self.path.removeprefix(PREFIX) or "/"
            connection.request(self.command, path, body or None, dict(self.headers))
            answer = connection.getresponse()
            content = answer.read()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            connection.close()

        do_POST = do_GET

        def log_message(self, format, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_below_a_path_everything_loads_and_a_photograph_is_completed(site, photo, size):
    with proxy(site.port) as port:
        address = f"http://127.0.0.1:{port}{PREFIX}/"
        with site.page(size, address=address) as tab:
            open_photo(tab, photo)
            drag(tab, (0.3, 0.5), (0.6, 0.5))
            completed(tab)
            loaded = tab.evaluate(
                "performance.getEntriesByType('resource').map((entry) => entry.name)"
                ".filter((name) => name.startsWith('http'))"
            )
    # Nothing comes from another server, so that it works without a network, nor from another path.
    assert len(loaded) > 20
    assert all(name.startswith(address) for name in loaded)
