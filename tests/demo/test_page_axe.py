"""The web page under axe-core, which finds what screen readers and weak eyes stumble over.

axe-core is not part of the project, for its licence (MPL-2.0). `npm pack axe-core` fetches it; name
the folder that holds its axe.min.js in GLCIC_AXE.
"""

import json
import os
from pathlib import Path

import pytest

from tests.helpers.demo_page import SIZES, click, stages, status_shows

AXE = os.environ.get("GLCIC_AXE", "")
pytestmark = [
    pytest.mark.slow,  # a browser and a server
    pytest.mark.skipif(not AXE, reason="GLCIC_AXE names no folder that holds axe.min.js"),
]
LOOKS = [(size, dark) for size in SIZES for dark in (False, True)]
RUN = """
axe.run(document, {resultTypes: ["violations"]}).then((found) => JSON.stringify(
  found.violations.map(({id, impact, nodes}) => [id, impact, nodes[0].html])))
"""


def serious(tab):
    """What axe-core finds on the page as it is, if it is serious."""
    reply = tab.send("Runtime.evaluate", expression=RUN, awaitPromise=True)
    found = json.loads(reply["result"]["value"])
    print(found)  # with what is not
    return [line for line in found if line[1] in ("serious", "critical")]


@pytest.mark.parametrize(("size", "dark"), LOOKS)
def test_axe_finds_nothing_serious(site, photo, other_photo, size, dark):
    script = (Path(AXE) / "axe.min.js").read_text("utf-8")
    with site.page(size, dark) as tab:
        tab.send("Runtime.evaluate", expression=script)
        for stage in stages(tab, photo, other_photo):
            assert serious(tab) == [], stage
        with site.held():
            click(tab, "complete")
            tab.wait("!document.getElementById('working').hidden")
            assert serious(tab) == [], "working"
        status_shows(tab, "completed in")


def test_axe_finds_nothing_serious_on_the_page_for_programs(site):
    with site.page() as tab:  # nothing is open, so that leaving it asks nothing
        tab.open(f"http://127.0.0.1:{site.port}/api")
        tab.wait("document.title.endsWith('for programs')")
        tab.send("Runtime.evaluate", expression=(Path(AXE) / "axe.min.js").read_text("utf-8"))
        assert serious(tab) == []
