"""Trees of arrays as flat items that a checkpoint holds, and what tells that one is damaged."""

import hashlib
import json
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils

from glcic_jax.types import UserError

Item = dict[str, np.ndarray]
"""Arrays by their path in the tree."""


class DamagedError(Exception):
    """A checkpoint that cannot be read, or does not hold what was saved."""


def flat(tree: Any) -> Item:
    """Host copies by path: the devices' buffers may be donated while they are still written."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {jax.tree_util.keystr(path): _host_copy(leaf) for path, leaf in leaves}


def _host_copy(leaf: Any) -> np.ndarray:
    if isinstance(leaf, jax.Array) and not (leaf.is_fully_replicated or leaf.is_fully_addressable):
        leaf = multihost_utils.process_allgather(leaf, tiled=True)  # other processes hold parts
    return np.array(leaf)


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


def like_saved(like: Any, shapes: dict[str, list[int]], name: str) -> dict[str, Any]:
    """The leaves of `like` by path, in its order, once their shapes are found to be the saved ones.

    Raises:
      UserError: names the first array that is another, or missing on one side.
    """
    leaves = jax.tree_util.tree_leaves_with_path(like)
    target = {jax.tree_util.keystr(path): leaf for path, leaf in leaves}
    for key in sorted(target.keys() | shapes.keys()):
        ours = list(target[key].shape) if key in target else "absent"
        if shapes.get(key, "absent") != ours:
            raise UserError(
                f"{name}{key} is {shapes.get(key, 'absent')} in the checkpoint and {ours} in this "
                "config: the network has another width or other sides"
            )
    return target


def one_line(error: Exception) -> str:
    """The message of an error of a library, cut to what fits a line."""
    return " ".join(str(error).split())[:200] or type(error).__name__
