"""Updates the network of partial convolutions by six losses (Liu et al., ECCV 2018), and completes.

See method.py for what the paper leaves open.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PRNGKeyArray

from glcic_jax.layers.ops import composite
from glcic_jax.methods.losses import masked_l1, perceptual_loss
from glcic_jax.methods.network_state import descend, device_mean, infer, run_in_training, start
from glcic_jax.methods.partial_conv.losses import (
    style_loss,
    total_variation_loss,
    valid_loss,
)
from glcic_jax.methods.partial_conv.network import ENCODER_NORMS, PartialUNet
from glcic_jax.methods.partial_conv.paired_network import PairedUNet
from glcic_jax.types import Batch, Image, Mask, Metrics, TrainState

PIXEL_TERMS = ("valid", "hole", "tv")
"""Losses that compare pixels."""

FEATURE_TERMS = ("perceptual", "style_output", "style_composited")
"""Losses that compare VGG16's features."""

TERMS = (*PIXEL_TERMS, *FEATURE_TERMS)
"""All losses, in the order in which they are reported."""


@dataclass(frozen=True, kw_only=True)
class PartialConv:
    """Starts and updates the network, and completes with it.

    Updates run per device, inside shard_map.

    Attributes:
      network: makes a PartialUNet or a PairedUNet, given `train` and `frozen_encoder`.
      weights: weights of the losses that are on, by name.
      features: returns the features of pictures that the perceptual and style losses compare. It is
        called only if one of these is on.
      mean_pixel: RGB in [0, 1] that the network sees as 0, and that is added to its output.
      stride: height and width of the input must be multiples of this, in pixels.
    """

    network: Callable[..., PartialUNet | PairedUNet]
    weights: dict[str, float]
    features: Callable[[Image], list[Array]]
    mean_pixel: tuple[float, float, float]
    stride: int

    def init(self, optimizer: optax.GradientTransformation, key: PRNGKeyArray) -> TrainState:
        """Returns a random network at step 0. The state of `optimizer` serves both stages."""
        pictures = jnp.zeros((1, self.stride, self.stride, 3))
        network = start(self.network(train=False), optimizer, key, pictures, pictures[..., :1])
        return TrainState(step=jnp.zeros((), jnp.int32), networks={"completion": network})

    def update(
        self,
        optimizer: optax.GradientTransformation,
        frozen: bool,
        state: TrainState,
        batch: Batch,
        key: PRNGKeyArray,
    ) -> tuple[TrainState, Metrics]:
        """Moves the network by the weighted sum of the losses.

        Args:
          optimizer: the stage's.
          frozen: whether the encoder's batch norms stay as they are.
          state: before the update.
          batch: this device's share of the global batch.
          key: not used.
        """
        del key
        network = state.networks["completion"]
        module = self.network(train=True, frozen_encoder=frozen)

        def loss(params):
            output, stats = self._run(module, params, network.batch_stats, batch)
            terms = self._terms(output, batch["image"], batch["mask"])
            terms = {name: device_mean(terms[name]) for name in self.weights}
            return sum(self.weights[name] * terms[name] for name in terms), (stats, terms)

        gradients, (stats, terms) = jax.grad(loss, has_aux=True)(network.params)
        fixed = {n: p for n, p in network.params.items() if frozen and n.startswith(ENCODER_NORMS)}
        gradients = gradients | jax.tree.map(jnp.zeros_like, fixed)
        moved = descend(optimizer, network, gradients, stats)
        # Put the frozen ones back: Adam's momentum moves parameters without a gradient too.
        moved = moved.replace(params=moved.params | fixed)
        metrics = {f"loss/{name}": value for name, value in terms.items()}
        metrics["grad_norm/completion"] = optax.tree.norm(gradients)
        return state.replace(networks={"completion": moved}), metrics

    def _run(self, module: Any, params, batch_stats, batch: Batch) -> tuple[Image, Any]:
        """Returns the raw output in training, and the running statistics after it."""
        centred = batch["image"] - self._mean
        output, stats = run_in_training(module, params, batch_stats, centred, batch["mask"])
        return output + self._mean, stats

    @property
    def _mean(self) -> Float[Array, "3"]:
        """Returns the colour that the network sees as 0."""
        return jnp.asarray(self.mean_pixel, jnp.float32)

    def _terms(self, output: Image, image: Image, mask: Mask) -> dict[str, Float[Array, ""]]:
        """Returns losses by name: all that are on, perhaps others."""
        completed = composite(image, output, mask)
        terms = {
            "valid": valid_loss(output, image, mask),
            "hole": masked_l1(output, image, mask),
            "tv": total_variation_loss(completed, mask),
        }
        if set(self.weights) & set(FEATURE_TERMS):
            target, raw, filled = (self.features(x) for x in (image, output, completed))
            terms |= {
                "perceptual": perceptual_loss(raw, target) + perceptual_loss(filled, target),
                "style_output": style_loss(raw, target),
                "style_composited": style_loss(filled, target),
            }
        return terms

    def previews(
        self, state: TrainState, image: Image, mask: Mask, key: PRNGKeyArray
    ) -> dict[str, Image]:
        """Returns the network's output, clipped to [0, 1], and the completed pictures."""
        del key
        height, width = image.shape[1:3]
        # Pictures are padded by hole up to a size that the network takes.
        pads = ((0, 0), (0, -height % self.stride), (0, -width % self.stride), (0, 0))
        padded, hole = jnp.pad(image, pads), jnp.pad(mask, pads, constant_values=1)
        network, module = state.networks["completion"], self.network(train=False)
        output = infer(module, network, padded - self._mean, hole) + self._mean
        output = jnp.clip(output[:, :height, :width], 0, 1)
        return {"raw output": output, "completed": composite(image, output, mask)}
