"""Updates the template's network, and completes with it.

Replace: the losses of the paper, with its equations' numbers in the docstrings.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import optax
from jaxtyping import PRNGKeyArray

from glcic_jax.layers.ops import completion_input
from glcic_jax.methods.completion import fill_any_size
from glcic_jax.methods.network_state import descend, device_mean, start
from glcic_jax.methods.template.network import STRIDE, UNet
from glcic_jax.types import Batch, Image, Mask, Metrics, TrainState

METRICS = ("loss/l1", "grad_norm/completion")
"""Names of what `update` reports. Replace: as many as the reports should show."""


@dataclass(frozen=True, kw_only=True)
class Template:
    """Starts, updates and completes with the network.

    Attributes:
      network: fills holes.
      optimizer: moves the network.
      mean_pixel: RGB in [0, 1] that holes are filled with before the network sees them.
    """

    network: UNet
    optimizer: optax.GradientTransformation
    mean_pixel: tuple[float, float, float]

    def init(self, key: PRNGKeyArray) -> TrainState:
        """Returns a random network with its optimizer's state, at step 0."""
        # Replace: one entry for each network; `jax.random.fold_in(key, 1)` makes another's key.
        completion = start(self.network, self.optimizer, key, jnp.zeros((1, STRIDE, STRIDE, 4)))
        return TrainState(jnp.zeros((), jnp.int32), {"completion": completion})

    def update(
        self, state: TrainState, batch: Batch, key: PRNGKeyArray
    ) -> tuple[TrainState, Metrics]:
        """Moves the network by the mean absolute error in the holes.

        Runs per device, inside shard_map: `batch` is this device's share of the global batch.
        """
        del key  # Replace: take all random numbers from it, so that a run can be repeated.
        network = state.networks["completion"]

        def loss(params):
            output = self._fill(params, batch["image"], batch["mask"])
            l1 = jnp.mean(batch["mask"] * jnp.abs(output - batch["image"]))
            return device_mean(l1)  # inside, so that gradients are those of the whole batch

        l1, gradients = jax.value_and_grad(loss)(network.params)
        moved = descend(self.optimizer, network, gradients, network.batch_stats)
        metrics = {"loss/l1": l1, "grad_norm/completion": optax.tree.norm(gradients)}
        return state.replace(networks={"completion": moved}), metrics

    def _fill(self, params, image: Image, mask: Mask) -> Image:
        """Returns the raw output. The hole's contents are never read."""
        x = completion_input(image, mask, self.mean_pixel)
        # Replace: with batch norm, `run_in_training` of network_state.py returns statistics too.
        return self.network.apply({"params": params}, x)  # pyright: ignore[reportReturnType]

    def previews(
        self, state: TrainState, image: Image, mask: Mask, key: PRNGKeyArray
    ) -> dict[str, Image]:
        """Returns the network's raw output and the completed pictures; any size will do."""
        del key
        params = state.networks["completion"].params
        return fill_any_size(lambda *padded: self._fill(params, *padded), image, mask, STRIDE)
