"""Trained partial-convolution networks, whatever file they are read from or written to."""

from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import optax

from glcic_jax.methods.completion import completion_from
from glcic_jax.methods.partial_conv.network import PartialUNet, reach
from glcic_jax.methods.partial_conv.updates import PartialConv
from glcic_jax.types import Method, NetworkState, TrainState
from glcic_jax.weights.trained import Weights, flatten_variables, unflatten_variables


@dataclass(frozen=True, kw_only=True)
class PartialWeights(Weights):
    """Holds a trained PartialUNet; its tensors are those of `unet_shapes(width, levels)`."""

    @property
    def width(self) -> int:
        """Returns the number of channels of the first layer."""
        return self.tensors["encode1.kernel"].shape[-1]

    @property
    def levels(self) -> int:
        """Returns the number of halvings."""
        return sum(f"encode{level}.kernel" in self.tensors for level in range(1, 9))

    def completing(self, **settings: Any) -> tuple[Method, TrainState]:
        """Returns a method that only completes, and its state; it takes no settings."""
        assert not settings, "this network has no settings"
        networks = PartialConv(
            network=partial(PartialUNet, levels=self.levels, width=self.width),
            weights={},
            features=lambda image: [],
            mean_pixel=self.mean_pixel,
            stride=2**self.levels,
        )
        method = Method(
            init=partial(networks.init, optax.identity()),
            phases=(),
            complete=completion_from(networks.previews),
            previews=networks.previews,
            networks=("completion",),
            reach=reach(self.levels),
            alignment=2**self.levels,
        )
        params, batch_stats = jax.tree.map(jnp.asarray, unflatten_variables(self.tensors))
        network = NetworkState(params, batch_stats, opt_state=None)
        return method, TrainState(jnp.asarray(self.step, jnp.int32), {"completion": network})

    def __str__(self) -> str:
        return (
            f"partial-convolution network of width {self.width}, {self.levels} levels, "
            f"{self.count:,} parameters"
        )


@cache
def unet_shapes(width: int, levels: int) -> dict[str, tuple[int, ...]]:
    """Returns names and shapes of the tensors of a PartialUNet.

    Args:
      width: the number of channels of the first layer.
      levels: the number of halvings.
    """
    module = PartialUNet(train=False, levels=levels, width=width)
    image, hole = (jax.ShapeDtypeStruct((1, 2**levels, 2**levels, c), jnp.float32) for c in (3, 1))
    key = jax.eval_shape(lambda: jax.random.key(0))  # configs ask, before devices may be woken
    variables = jax.eval_shape(module.init, key, image, hole)
    return {name: leaf.shape for name, leaf in flatten_variables(variables).items()}
