"""Holds trained networks that complete, whatever file they are read from or written to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import ml_dtypes
import numpy as np

from glcic_jax.runtime.errors import UserError
from glcic_jax.types import Method, TrainState

Rgb = tuple[float, float, float]

Tensors = dict[str, np.ndarray]
"""Arrays by their path in the network's trees: "layer1.conv.kernel", "norm1.norm.mean"."""

STATISTICS = ("mean", "var")
"""The last parts of the names of running statistics."""

DTYPES = {
    "float32": np.dtype(np.float32),
    "float16": np.dtype(np.float16),
    "bfloat16": np.dtype(ml_dtypes.bfloat16),
}
"""The dtypes in which weights can be stored. They are read as float32."""


GLCIC, PARTIAL = "glcic completion network", "partial convolution network"
LAMA = "lama network"
METHOD = "networks of a method"
"""The kinds of networks, as descriptions name them."""


@dataclass(frozen=True, kw_only=True)
class Weights:
    """Holds a trained network that completes, ready to be run or written.

    Attributes:
      tensors: float32 arrays by name.
      mean_pixel: the colour that the network sees as 0, RGB in [0, 1].
      step: the number of updates that the network has had; 0 if the file does not record it.
      source: a description for people of what it was read from.
      run: the config of the training run, if this package trained it.
      scores: scores on held-out pictures of that run, by name.
      discriminator: tensors of a discriminator that the file held too; may be empty.
      sha256: the digest of the file that it was read from; empty if there is none.
    """

    tensors: Tensors
    mean_pixel: Rgb
    step: int = 0
    source: str = ""
    run: dict[str, Any] | None = None
    scores: dict[str, float] = field(default_factory=dict)
    discriminator: Tensors = field(default_factory=dict)
    sha256: str = field(default="", compare=False)

    def completing(self, **settings: Any) -> tuple[Method, TrainState]:
        """Returns a method that completes with this network, and its state.

        Args:
          settings: settings for completion, such as latent_steps, if the method has them.
        """
        raise NotImplementedError

    @property
    def method_name(self) -> str:
        """Returns the name in METHODS of the method that trains such networks."""
        raise NotImplementedError

    @property
    def architecture(self) -> dict[str, Any]:
        """Returns what a description says of the network: its kind, and what builds it."""
        raise NotImplementedError

    @property
    def own_input(self) -> dict[str, Any]:
        """Returns what a description says of the network's input besides the mean pixel."""
        return {}

    @property
    def settings(self) -> dict[str, Any]:
        """Returns the run's settings for completion; empty if its method has none."""
        return {}

    @property
    def hole_colour(self) -> Rgb:
        """Returns the colour that the network sees in its holes, RGB in [0, 1]."""
        return self.mean_pixel

    @property
    def count(self) -> int:
        """Returns the number of parameters."""
        return sum(t.size for name, t in self.tensors.items() if not name.endswith(STATISTICS))


def flatten_variables(variables: Any) -> dict[str, Any]:
    """Returns the leaves of "params" and "batch_stats" in one dict by path. No path is in both."""
    leaves = {}
    for tree in variables.values():
        leaves |= flatten(tree)
    return leaves


def unflatten_variables(tensors: Tensors) -> tuple[Any, Any]:
    """Undoes `flatten_variables`: returns (params, batch_stats)."""
    params, batch_stats = {}, {}
    for name, tensor in tensors.items():
        if name.endswith(STATISTICS):
            batch_stats[name] = tensor
        else:
            params[name] = tensor
    return unflatten(params), unflatten(batch_stats)


def flatten(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the leaves of dicts within dicts by their paths, such as "layer1.conv.kernel"."""
    leaves = {}
    for name, branch in tree.items():
        if isinstance(branch, Mapping):
            leaves |= {f"{name}.{path}": leaf for path, leaf in flatten(branch).items()}
        else:
            leaves[name] = branch
    return leaves


def unflatten(leaves: Mapping[str, Any]) -> dict[str, Any]:
    """Undoes `flatten`."""
    tree: dict[str, Any] = {}
    for path, leaf in leaves.items():
        *branches, name = path.split(".")
        place = tree
        for branch in branches:
            place = place.setdefault(branch, {})
        place[name] = leaf
    return tree


def cast_tensors(tensors: Tensors, dtype: str) -> Tensors:
    """Returns tensors cast to the dtype in which a file stores them.

    Args:
      tensors: arrays of any floating dtype.
      dtype: a key of DTYPES.

    Raises:
      UserError: a value that float16 cannot hold.
    """
    cast = {}
    for name, tensor in tensors.items():
        with np.errstate(over="ignore"):
            cast[name] = tensor.astype(DTYPES[dtype])
        if not np.isfinite(cast[name].astype(np.float32)).all():
            raise UserError(f"{name} holds values beyond {dtype}: choose --dtype bfloat16")
    return cast
