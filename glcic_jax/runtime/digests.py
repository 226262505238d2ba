"""SHA-256 of arrays, JSON and files, by which damage and differences are found. Needs no JAX."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

Item = dict[str, np.ndarray]
"""Arrays by their path in the tree."""


def digest(item: Item) -> str:
    """SHA-256 over names, types, shapes and values."""
    sha = hashlib.sha256()
    for key, leaf in sorted(item.items()):
        sha.update(f"{key} {leaf.dtype} {leaf.shape}".encode())
        sha.update(np.ascontiguousarray(leaf).data)
    return sha.hexdigest()


def json_digest(value: Any) -> str:
    """SHA-256 of a value as JSON has it."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
