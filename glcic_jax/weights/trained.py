"""A trained network that completes, whatever file it is from or for."""

from dataclasses import dataclass, field
from typing import Any

import ml_dtypes
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from glcic_jax.runtime.errors import UserError
from glcic_jax.types import Method, TrainState

Rgb = tuple[float, float, float]

Tensors = dict[str, np.ndarray]
"""Arrays by their path in the network's trees: "layer1.conv.kernel", "norm1.norm.mean"."""

STATISTICS = ("mean", "var")

DTYPES = {
    "float32": np.dtype(np.float32),
    "float16": np.dtype(np.float16),
    "bfloat16": np.dtype(ml_dtypes.bfloat16),
}
"""In which weights are stored; arithmetic is float32 always."""


@dataclass(frozen=True, kw_only=True)
class Weights:
    """A trained network that completes, ready to be run or written.

    Attributes:
      tensors: float32.
      mean_pixel: RGB in [0, 1] that the network sees as 0.
      step: updates that the network has had; 0 if the file does not say.
      source: what it was read from, for people.
      run: the config of the training run, if it was one of ours.
      scores: measured on held-out pictures of that run, by name.
      discriminator: tensors of a discriminator that came along, or none.
      sha256: of the file that it was read from; empty if it is from elsewhere.
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
          settings: of completing, such as latent_steps, where the method has them.
        """
        raise NotImplementedError

    @property
    def settings(self) -> dict[str, Any]:
        """Returns the settings of completing that `completing` takes, as the run had them."""
        return {}

    @property
    def hole_colour(self) -> Rgb:
        """RGB in [0, 1] of a picture that looks to the network as its holes do."""
        return self.mean_pixel

    @property
    def count(self) -> int:
        """Of parameters."""
        return sum(t.size for name, t in self.tensors.items() if not name.endswith(STATISTICS))


def flatten_variables(variables: Any) -> dict[str, Any]:
    """Returns the leaves of "params" and "batch_stats" by path; no two have the same."""
    leaves = {}
    for tree in variables.values():
        leaves |= flatten_dict(tree, sep=".")
    return leaves


def unflatten_variables(tensors: Tensors) -> tuple[Any, Any]:
    """Undoes `flatten_variables`: returns (params, batch_stats)."""
    params, batch_stats = {}, {}
    for name, tensor in tensors.items():
        (batch_stats if name.endswith(STATISTICS) else params)[name] = tensor
    return unflatten_dict(params, sep="."), unflatten_dict(batch_stats, sep=".")


def cast_tensors(tensors: Tensors, dtype: str) -> Tensors:
    """The tensors in the dtype of a file.

    Args:
      tensors: of any floating dtype.
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
