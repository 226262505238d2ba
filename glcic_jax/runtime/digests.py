"""Computes SHA-256 of arrays, JSON and files, to find damage and differences. Needs no JAX."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

Item = dict[str, np.ndarray]
"""Arrays by their paths in a tree."""


def item_digest(item: Item) -> str:
    """Returns the SHA-256, in hex, of the names, types, shapes and values of arrays."""
    sha = hashlib.sha256()
    for key, leaf in sorted(item.items()):
        sha.update(f"{key} {leaf.dtype} {leaf.shape}".encode())
        sha.update(np.ascontiguousarray(leaf).data)
    return sha.hexdigest()


def json_digest(value: Any) -> str:
    """Returns the SHA-256, in hex, of a value written as JSON with sorted keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def file_digest(path: Path) -> str:
    """Returns the SHA-256 of a file's bytes, in hex.

    Raises:
      OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
