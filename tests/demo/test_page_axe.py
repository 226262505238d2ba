"""The web page under axe-core, which finds what screen readers and weak eyes stumble over.

axe-core is not part of the project, for its licence (MPL-2.0). `npm pack axe-core` fetches it; name
the folder that holds its axe.min.js in GLCIC_AXE.
"""

import json
import os
from pathlib import Path

import pytest

from tests.helpers.demo_page import SIZES, stages

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


@pytest.mark.parametrize(("size", "dark"), LOOKS)
def test_axe_finds_nothing_serious(site, photo, other_photo, size, dark):
    script = (Path(AXE) / "axe.min.js").read_text("utf-8")
    with site.page(size, dark) as tab:
        tab.send("Runtime.evaluate", expression=script)
        for stage in stages(tab, photo, other_photo):
            reply = tab.send("Runtime.evaluate", expression=RUN, awaitPromise=True)
            found = json.loads(reply["result"]["value"])
            print(size, dark, stage, found)
            assert [line for line in found if line[1] in ("serious", "critical")] == [], stage
