"""Processes in which packages cannot be imported, as where they are not installed."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

FINDER = """
import sys

class Hide:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {hidden!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Hide())
"""


def hide(folder, packages):
    """Returns the environment of processes that lack these packages, their children too.

    Args:
      folder: an empty one, for a file that Python reads at its start.
      packages: names of modules.
    """
    text = FINDER.format(hidden=set(packages))
    (folder / "sitecustomize.py").write_text(text, "utf-8")
    return os.environ | {"PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])}


def run_without(environment, *arguments, cwd=None):
    """Runs Python with these arguments in an environment of `hide`."""
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=cwd, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
