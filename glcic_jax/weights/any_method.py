"""Holds the trained networks of a run of any method, with the config that builds them."""

from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from glcic_jax.methods.by_name import METHODS
from glcic_jax.runtime.errors import UserError
from glcic_jax.types import Method, NetworkState, TrainState
from glcic_jax.weights.trained import METHOD, Rgb, Weights, flatten, unflatten

TRAINED_PARTS = ("params", "batch_stats")
"""The parts of a NetworkState that completion needs."""


@dataclass(frozen=True, kw_only=True)
class MethodWeights(Weights):
    """Holds the networks that complete, of a run whose method has no format of its own.

    The tensors are named "NETWORK.PART.PATH", such as "generator.params.layer1.kernel".

    Attributes:
      run: the config that METHODS builds the method from.
    """

    run: dict[str, Any] = field(default_factory=dict)

    @property
    def method_name(self) -> str:
        """Returns the method's name in METHODS."""
        return self.run["method"]

    @property
    def architecture(self) -> dict[str, Any]:
        """Returns what a description says of the networks."""
        return {"kind": METHOD, "method": self.method_name}

    @property
    def settings(self) -> dict[str, Any]:
        """Returns the run's settings for completion; empty if its method has none."""
        return self.run.get("completion", {})

    def completing(self, **settings: Any) -> tuple[Method, TrainState]:
        """Returns the method, and its state without optimizers.

        Args:
          settings: settings for completion that replace some of `self.settings`.

        Raises:
          UserError: the method refuses a setting's value.
        """
        method = build_from_config(
            self.run, self.mean_pixel, self.settings | settings, self.source or "weights"
        )
        trees = unflatten(self.tensors)
        networks = {
            name: NetworkState(
                *(jax.tree.map(jnp.asarray, trees[name].get(part, {})) for part in TRAINED_PARTS),
                opt_state=None,
            )
            for name in method.networks
        }
        return method, TrainState(jnp.asarray(self.step, jnp.int32), networks)

    @property
    def count(self) -> int:
        """Returns the number of parameters."""
        return sum(t.size for name, t in self.tensors.items() if ".params." in name)

    def __str__(self) -> str:
        return f'"{self.method_name}" network, {self.count:,} parameters'


def build_from_config(
    config: dict[str, Any], mean_pixel: Rgb, settings: dict[str, Any], where: str
) -> Method:
    """Builds the method of a run, to complete with.

    Args:
      config: the config of the run.
      mean_pixel: RGB in [0, 1].
      settings: settings for completion, in place of the config's `completion`; may be empty.
      where: what refusals begin with, such as the address of the network.

    Raises:
      UserError: the method is not known here, or refuses its config or settings.
    """
    name = config.get("method", "")
    if name not in METHODS:
        raise UserError(f'{where} holds a "{name}" network, known here are: {", ".join(METHODS)}')
    if settings:
        config = config | {"completion": settings}
    try:
        return METHODS[name](config, mean_pixel)
    except UserError as error:
        raise UserError(f"{where}: {error}") from error


def method_shapes(method: Method) -> dict[str, tuple[int, ...]]:
    """Returns names and shapes of the tensors of the networks that a method completes with."""
    networks = jax.eval_shape(method.init, jax.random.key(0)).networks
    return {
        name: leaf.shape
        for network in method.networks
        for name, leaf in _flatten(network, networks[network]).items()
    }


def tensors_of(networks: dict[str, NetworkState]) -> dict[str, np.ndarray]:
    """Returns the parameters and running statistics of networks by tensor name, as float32."""
    return {
        name: np.asarray(leaf, np.float32)
        for network, state in networks.items()
        for name, leaf in _flatten(network, state).items()
    }


def _flatten(name: str, network: NetworkState) -> dict[str, Any]:
    leaves = {}
    for part in TRAINED_PARTS:
        tree = flatten(getattr(network, part))
        leaves |= {f"{name}.{part}.{path}": leaf for path, leaf in tree.items()}
    return leaves
