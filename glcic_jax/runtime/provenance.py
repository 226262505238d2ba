"""Describes a start of a run: which program, on what, by which command. Needs no JAX."""

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from glcic_jax.runtime.version import VERSION

PACKAGES = (
    "jax",
    "jaxlib",
    "flax",
    "optax",
    "orbax-checkpoint",
    "grain",
    "numpy",
    "opencv-python-headless",
    "opencv-python",
)
"""Packages whose versions may change results. One that is not installed is left out."""

ROOT = Path(__file__).parents[2]
"""The folder that holds the package: a clone, or site-packages."""


def describe_start(step: int, devices: str, data: dict[str, str]) -> dict[str, Any]:
    """Returns the provenance of a start of a run, of plain values that JSON can hold.

    Args:
      step: the number of updates that the run had when it was started.
      devices: a line on processes and devices.
      data: digests of the pictures by name, as in data.pipeline.Dataset.

    Returns:
      "time" (ISO 8601, UTC), "step", "version" (of glcic_jax),
      "commit" (of the clone that ran, "+changes" if files differed from it; "" outside a clone),
      "packages" (versions by name), "python", "command" (its words), "machine" (its processor),
      "devices" and "data".
    """
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "step": step,
        "version": VERSION,
        "commit": commit(ROOT),
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
        "python": sys.version.split()[0],
        "command": [Path(sys.orig_argv[0]).name, *sys.orig_argv[1:]],  # not where Python lies
        "machine": machine(),
        "devices": devices,
        "data": data,
    }


def commit(root: Path) -> str:
    """Returns the commit of a clone, with "+changes" if tracked files differ; "" if it is none."""
    if not (root / ".git").exists():  # git would look for a clone around it
        return ""
    try:
        head = _git(root, "rev-parse", "HEAD")
        changed = _git(root, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return ""  # no git here, or not a sound clone
    return f"{head}+changes" if changed else head


def machine(described: Path = Path("/proc/cpuinfo")) -> str:
    """Returns the number of cores, and the processor's name where the system gives one.

    Where this process may use only some of them, it is "1 of 2 x NAME".

    Args:
      described: the file in which Linux describes its processors.
    """
    try:
        lines = described.read_text("utf-8", errors="replace").splitlines()
    except OSError:  # another system
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    name = names[0] if names else platform.processor() or platform.machine()
    count = os.cpu_count()
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else count
    return f"{usable} of {count} x {name}" if usable != count else f"{count} x {name}"


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    return done.stdout.strip()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
