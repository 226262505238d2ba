"""One server and one browser for each file of tests of the web page."""

import os
import signal
from contextlib import contextmanager

import pytest

from tests.helpers.browser import browser, find_browser
from tests.helpers.demo_page import SIZES, page
from tests.helpers.pictures import file_of, photograph


class Site:
    """The page's server, and a browser that opens it.

    Attributes:
      port: the server's.
      worker: its process, which `held` stops meanwhile.
    """

    def __init__(self, port, worker, first_tab):
        self.port, self.worker, self._first_tab = port, worker, first_tab

    def page(self, size="desktop", dark=False, address=None):
        return page(self._first_tab, address or self.port, size, dark)

    @contextmanager
    def held(self):
        """No completion gets ready while the block runs."""
        process = self.worker._process.pid
        os.kill(process, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(process, signal.SIGCONT)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    if find_browser() is None:
        pytest.skip("no Chromium or Chrome on this machine")
    from tests.helpers.web import LIMITS, serving

    with serving(LIMITS) as (port, worker), browser(tmp_path_factory.mktemp("profile")) as tab:
        yield Site(port, worker, tab)


@pytest.fixture(params=list(SIZES))
def tab(request, site):
    """The page in a new tab, in both sizes one after the other."""
    with site.page(request.param) as opened:
        yield opened


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    """A photograph in a file."""
    path = tmp_path_factory.mktemp("photos") / "rock.jpg"
    path.write_bytes(file_of(photograph(1, 240, 320), "JPEG", quality=92))
    return path


@pytest.fixture(scope="module")
def other_photo(tmp_path_factory):
    """Another photograph of the same size in a file."""
    path = tmp_path_factory.mktemp("photos") / "other.png"
    path.write_bytes(file_of(photograph(7, 240, 320)))
    return path
