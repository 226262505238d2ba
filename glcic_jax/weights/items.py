"""Turns trees of arrays into the flat items of a checkpoint, and compares their shapes."""

from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils

from glcic_jax.runtime.digests import Item
from glcic_jax.runtime.errors import UserError


class DamagedError(Exception):
    """Reports that a checkpoint cannot be read, or does not hold what was saved."""


def to_item(tree: Any) -> Item:
    """Copies a tree's arrays to the host, by their paths.

    Copies are needed because the devices' buffers may be donated before all is written.
    """
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {jax.tree_util.keystr(path): _host_copy(leaf) for path, leaf in leaves}


def _host_copy(leaf: Any) -> np.ndarray:
    if isinstance(leaf, jax.Array) and not (leaf.is_fully_replicated or leaf.is_fully_addressable):
        leaf = multihost_utils.process_allgather(leaf, tiled=True)  # other processes hold parts
    return np.array(leaf)


def like_saved(like: Any, shapes: dict[str, list[int]], name: str) -> dict[str, Any]:
    """Returns the leaves of `like` by path, in its order, after comparing their shapes.

    Args:
      like: a tree of arrays or ShapeDtypeStructs.
      shapes: the saved shapes by path.
      name: the item's name, for the message.

    Raises:
      UserError: a shape differs, or an array is missing on one side; it is named.
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
