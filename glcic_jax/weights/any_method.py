"""The trained networks of a run of any method, with the config that builds them."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from glcic_jax.methods import METHODS
from glcic_jax.runtime.errors import UserError
from glcic_jax.types import Method, NetworkState, TrainState
from glcic_jax.weights.trained import Rgb, Weights

PARTS = ("params", "batch_stats")


@dataclass(frozen=True, kw_only=True)
class MethodWeights(Weights):
    """What completes in a run of a method that has no format of its own.

    `run` is the config that METHODS builds the method from. The tensors are called
    "NETWORK.PART.PATH", such as "generator.params.layer1.kernel".
    """

    @property
    def method_name(self) -> str:
        """Returns the method's name in METHODS."""
        return (self.run or {})["method"]

    @property
    def settings(self) -> dict[str, Any]:
        """Returns the settings of completing that the run had."""
        return (self.run or {}).get("completion", {})

    def completing(self, **settings: Any) -> tuple[Method, TrainState]:
        """Returns the method, and its state without optimizers."""
        method = build(self.run or {}, self.mean_pixel, self.settings | settings)
        trees: dict[str, Any] = unflatten_dict(self.tensors, sep=".")
        networks = {
            name: NetworkState(
                *(jax.tree.map(jnp.asarray, trees[name].get(part, {})) for part in PARTS),
                opt_state=None,
            )
            for name in method.networks
        }
        return method, TrainState(jnp.asarray(self.step, jnp.int32), networks)

    @property
    def count(self) -> int:
        """Counts the parameters."""
        return sum(t.size for name, t in self.tensors.items() if ".params." in name)

    def __str__(self) -> str:
        return f'"{self.method_name}" network, {self.count:,} parameters'


def build(
    config: dict[str, Any], mean_pixel: Rgb, settings: dict[str, Any] | None = None
) -> Method:
    """Builds the method of a run, to complete with.

    Args:
      config: of the run.
      mean_pixel: RGB in [0, 1].
      settings: of completing, in place of the config's `completion`.

    Raises:
      UserError: a method that is not known here.
    """
    name = config.get("method", "")
    if name not in METHODS:
        raise UserError(f'holds a "{name}" network, known here are: {", ".join(METHODS)}')
    return METHODS[name](config | ({"completion": settings} if settings else {}), mean_pixel)


def expected(method: Method) -> dict[str, tuple[int, ...]]:
    """Returns names and shapes of the tensors that completing with a method takes."""
    networks = jax.eval_shape(method.init, jax.random.key(0)).networks
    return {
        name: leaf.shape
        for network in method.networks
        for name, leaf in _flatten(network, networks[network]).items()
    }


def tensors_of(networks: dict[str, NetworkState]) -> dict[str, np.ndarray]:
    """Returns the parameters and running statistics of networks as float32 tensors by name."""
    return {
        name: np.asarray(leaf, np.float32)
        for network, state in networks.items()
        for name, leaf in _flatten(network, state).items()
    }


def _flatten(name: str, network: NetworkState) -> dict[str, Any]:
    leaves = {}
    for part in PARTS:
        tree = flatten_dict(getattr(network, part), sep=".")
        leaves |= {f"{name}.{part}.{path}": leaf for path, leaf in tree.items()}
    return leaves
