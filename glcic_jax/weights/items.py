"""Trees of arrays as flat items that a checkpoint holds, and what tells that one is damaged."""

from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils

from glcic_jax.runtime.digests import Item
from glcic_jax.runtime.errors import UserError


class DamagedError(Exception):
    """A checkpoint that cannot be read, or does not hold what was saved."""


def to_item(tree: Any) -> Item:
    """Host copies by path: the devices' buffers may be donated while they are still written."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {jax.tree_util.keystr(path): _host_copy(leaf) for path, leaf in leaves}


def _host_copy(leaf: Any) -> np.ndarray:
    if isinstance(leaf, jax.Array) and not (leaf.is_fully_replicated or leaf.is_fully_addressable):
        leaf = multihost_utils.process_allgather(leaf, tiled=True)  # other processes hold parts
    return np.array(leaf)


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
