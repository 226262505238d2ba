"""Divides a network's kernels by their largest singular values (Miyato et al. 2018, algorithm 1).

The power iteration's vectors are part of the network's statistics: one step of it runs whenever the
network runs in training.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.tree_util import keystr, tree_flatten_with_path
from jaxtyping import Array, Float, PRNGKeyArray

from glcic_jax.runtime.devices import DATA

Vectors = dict[str, Float[Array, "o"]]
"""A unit vector of each kernel's outputs, by the kernel's path."""

LEAST = 1e-12
"""Added to lengths that are divided by (the paper has no bound; this is PyTorch's)."""


def first_vectors(params: Any, key: PRNGKeyArray) -> Vectors:
    """Returns random unit vectors, one for each kernel of a network, to start the iteration."""
    kernels = {name: leaf for name, leaf in _by_name(params).items() if leaf.ndim > 1}
    keys = jax.random.split(key, len(kernels))
    return {
        name: _unit(jax.random.normal(own, kernel.shape[-1:]))
        for own, (name, kernel) in zip(keys, kernels.items(), strict=True)
    }


def spectrally_normal(params: Any, vectors: Vectors) -> tuple[Any, Vectors]:
    """Returns a network's parameters with normalised kernels, and the vectors after one iteration.

    Each kernel is taken as a matrix: all its inputs and taps by its outputs. Gradients flow through
    the singular value, not through the vectors. Call it inside shard_map.

    Args:
      params: kernels have two or more axes, the last of which are outputs. All else stays.
      vectors: as `first_vectors` or an earlier call returned them.
    """
    leaves, tree = jax.tree.flatten(params)
    changed, found = {}, []
    for name, kernel in zip(_by_name(params), leaves, strict=True):
        if name not in vectors:
            found.append(kernel)
            continue
        matrix = kernel.reshape(-1, kernel.shape[-1])
        fixed = lax.stop_gradient(matrix)
        inputs = _unit(fixed @ vectors[name])
        outputs = _unit(inputs @ fixed)
        found.append(kernel / (inputs @ matrix @ outputs))
        # All devices have the same, but a device that holds its own parameters cannot know it.
        changed[name] = lax.pmean(outputs, DATA)
    return jax.tree.unflatten(tree, found), changed


def _by_name(params: Any) -> dict[str, Array]:
    """Returns the leaves of a tree by their paths, in the tree's order."""
    leaves, _ = tree_flatten_with_path(params)
    return {keystr(path, simple=True, separator="_"): leaf for path, leaf in leaves}


def _unit(vector: Float[Array, "n"]) -> Float[Array, "n"]:
    return vector / (jnp.linalg.norm(vector) + LEAST)
