"""GLCIC's networks at work: their start, how they are run, and completion with them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import lax
from jaxtyping import Array, PRNGKeyArray

from glcic_jax.layers.ops import (
    completion_input,
    composite,
    crop_patches,
    pad_to_multiple,
    patch_corner,
)
from glcic_jax.layers.smooth_fill import ALIGNMENT, smooth_fill
from glcic_jax.layers.torch_layers import CONVOLVED
from glcic_jax.methods.glcic.completion_network import CompletionNetwork
from glcic_jax.methods.glcic.discriminators import ContextDiscriminator
from glcic_jax.runtime.devices import DATA
from glcic_jax.types import Batch, Image, Mask, NetworkState, TrainState

AVERAGE = "completion_average"
"""Name of the moving average of C, where there is one."""


@dataclass(frozen=True, kw_only=True)
class GlcicNetworks:
    """C and D, and what the phases and completion share. Runs per device, inside shard_map.

    Attributes:
      completion: makes a CompletionNetwork, given `train`.
      discriminator: makes a ContextDiscriminator, given `train`; None to train by MSE alone.
      crop, local_patch: edges in pixels of what the two sides of D see.
      optimizer: one rule, and one state per network.
      mean_pixel: RGB in [0, 1] that the hole is filled with before C sees it.
      scale, fill_pixel: as in `completion_input`, for networks trained elsewhere.
      average_decay: of the moving average of C that completes; 0 to complete with C itself.
      remat: keep only what the convolutions give for the backward pass, and compute normalised
        and rectified activations again: less memory for little arithmetic.
    """

    completion: Callable[..., CompletionNetwork]
    discriminator: Callable[..., ContextDiscriminator] | None
    crop: int
    local_patch: int
    optimizer: optax.GradientTransformation
    mean_pixel: tuple[float, float, float]
    scale: float = 1.0
    fill_pixel: tuple[float, float, float] = (0.0, 0.0, 0.0)
    average_decay: float = 0.0
    remat: bool = False

    def init(self, key: PRNGKeyArray) -> TrainState:
        """Fresh networks and optimizer states, at step 0."""
        networks = {
            "completion": self._start(
                self.completion(train=False), jax.random.fold_in(key, 0), jnp.zeros((1, 64, 64, 4))
            )
        }
        if self.average_decay:
            copied = jax.tree.map(jnp.copy, networks["completion"])  # both are donated
            networks[AVERAGE] = copied.replace(opt_state=())
        if self.discriminator is not None:
            networks["discriminator"] = self._start(
                self.discriminator(train=False),
                jax.random.fold_in(key, 1),
                jnp.zeros((1, self.crop, self.crop, 3)),
                jnp.zeros((1, self.local_patch, self.local_patch, 3)),
            )
        return TrainState(step=jnp.zeros((), jnp.int32), networks=networks)

    def _start(self, module, key: PRNGKeyArray, *inputs: Array) -> NetworkState:
        variables = jax.jit(module.init)(key, *inputs)
        params = variables["params"]
        return NetworkState(params, variables["batch_stats"], self.optimizer.init(params))

    def fill(self, params, batch_stats, batch: Batch, *, train: bool) -> tuple[Image, Any]:
        """C's raw output and its running statistics after it."""
        module, image, mask = self.completion(train=train), batch["image"], batch["mask"]
        if self.adds:
            start = smooth_fill(image, mask)
            centred = (start - jnp.asarray(self.mean_pixel)) * self.scale
            x = jnp.concatenate([centred, mask], axis=-1)
            difference, stats = self._apply(module, params, batch_stats, x)
            return start + difference, stats
        x = completion_input(image, mask, self.mean_pixel, self.scale, self.fill_pixel)
        return self._apply(module, params, batch_stats, x)

    def judge(self, params, batch_stats, image: Image, mask: Mask) -> tuple[Array, Any]:
        """D's logits of pictures with local patches around `mask`, and its running statistics."""
        assert self.discriminator is not None
        patch = crop_patches(image, patch_corner(mask, self.local_patch), self.local_patch)
        return self._apply(self.discriminator(train=True), params, batch_stats, image, patch)

    def _apply(self, module, params, batch_stats, *inputs: Array) -> tuple[Array, Any]:
        """Runs a network; the statistics it returns are the same on all devices."""
        if not module.train:
            return module.apply(
                {"params": params, "batch_stats": batch_stats}, *inputs
            ), batch_stats

        def run(params, *inputs):
            variables = {"params": params, "batch_stats": batch_stats}
            output, changed = module.apply(variables, *inputs, mutable=["batch_stats"])
            return output, changed["batch_stats"]

        if self.remat:
            run = jax.checkpoint(
                run, policy=jax.checkpoint_policies.save_only_these_names(CONVOLVED)
            )
        output, stats = run(params, *inputs)
        return output, stats if module.axis_name else lax.pmean(stats, DATA)

    def complete(self, state: TrainState, image: Image, mask: Mask, key: PRNGKeyArray) -> Image:
        """Fills the holes; known pixels are returned as they came."""
        return self.previews(state, image, mask, key)["completed"]

    def previews(
        self, state: TrainState, image: Image, mask: Mask, key: PRNGKeyArray
    ) -> dict[str, Image]:
        """C's raw output and the completed picture."""
        del key
        height, width = image.shape[1:3]
        stride = CompletionNetwork.stride
        network = state.networks[AVERAGE if self.average_decay else "completion"]
        padded = {"image": pad_to_multiple(image, stride), "mask": pad_to_multiple(mask, stride)}
        output, _ = self.fill(network.params, network.batch_stats, padded, train=False)
        output = jnp.clip(output[:, :height, :width], 0, 1)
        return {"raw output": output, "completed": composite(image, output, mask)}

    @property
    def adds(self) -> bool:
        """Whether C adds to a smooth fill, else paints on its own."""
        return self.completion(train=False).output == "difference"

    @property
    def reach(self) -> int:
        """As in Method."""
        reach = CompletionNetwork.reach
        return reach + ALIGNMENT if self.adds else reach

    @property
    def alignment(self) -> int:
        """As in Method."""
        return ALIGNMENT if self.adds else 32
