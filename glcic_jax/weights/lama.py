"""Holds trained networks of LaMa, whatever file they are read from or written to."""

from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp

from glcic_jax.methods.completion import completion_from
from glcic_jax.methods.lama.sizes import STRIDE
from glcic_jax.types import Method, NetworkState, TrainState
from glcic_jax.weights.trained import LAMA, Weights, flatten_variables, unflatten_variables


@dataclass(frozen=True, kw_only=True)
class LamaWeights(Weights):
    """Holds a trained generator; its tensors are those of `generator_shapes(width, blocks)`."""

    @property
    def method_name(self) -> str:
        """Returns the name in METHODS of the method that trains such networks."""
        return "lama"

    @property
    def architecture(self) -> dict[str, Any]:
        """Returns what a description says of the network."""
        return {"kind": LAMA, "width": self.width, "blocks": self.blocks}

    @property
    def width(self) -> int:
        """Returns the number of channels at full size."""
        return self.tensors["stem.kernel"].shape[-1]

    @property
    def blocks(self) -> int:
        """Returns the number of residual blocks."""
        return sum(name.endswith("_first.from_local.kernel") for name in self.tensors)

    def completing(self, **settings: Any) -> tuple[Method, TrainState]:
        """Returns a method that only completes, and its state; it takes no settings."""
        assert not settings, "this network has no settings"
        previews = partial(_previews, self.width, self.blocks)
        params, batch_stats = jax.tree.map(jnp.asarray, unflatten_variables(self.tensors))
        network = NetworkState(params, batch_stats, opt_state=None)
        state = TrainState(jnp.asarray(self.step, jnp.int32), {"completion": network})
        method = Method(
            init=lambda key: state,
            phases=(),
            complete=completion_from(previews),
            previews=previews,
            refine=partial(_refine, self.width, self.blocks),
            networks=("completion",),
            alignment=STRIDE,
        )
        return method, state

    def __str__(self) -> str:
        return (
            f"LaMa network of width {self.width}, {self.blocks} blocks, {self.count:,} parameters"
        )


def _previews(width: int, blocks: int, state: TrainState, image, mask, key) -> dict[str, Any]:
    from glcic_jax.methods.lama.completing import complete_any_size  # here, since it imports Flax

    del key
    return complete_any_size(width, blocks, state.networks["completion"], image, mask)


def _refine(width: int, blocks: int, state: TrainState, image, mask, key, shortest) -> Any:
    from glcic_jax.methods.lama.refinement import complete_refined  # here, as above

    del key
    return complete_refined(width, blocks, state.networks["completion"], image, mask, shortest)


@cache
def generator_shapes(width: int, blocks: int) -> dict[str, tuple[int, ...]]:
    """Returns names and shapes of the tensors of a network.

    Args:
      width: the number of channels at full size.
      blocks: the number of residual blocks.
    """
    from glcic_jax.methods.lama.network import parameters  # here, since it imports Flax

    leaves = flatten_variables(parameters(width, blocks)).items()
    return {name: leaf.shape for name, leaf in leaves}
