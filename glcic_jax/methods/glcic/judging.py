"""Moves GLCIC's discriminator D (Iizuka et al. 2017, algorithm 1, line 8)."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import lax
from jaxtyping import Array, Float

from glcic_jax.layers.ops import composite
from glcic_jax.methods.glcic.networks import GlcicNetworks
from glcic_jax.methods.losses import discriminator_loss, r1_penalty
from glcic_jax.methods.network_state import descend, device_mean, used_often
from glcic_jax.types import Batch, Image, Metrics, TrainState

METRICS = (
    "loss/discriminator",
    "accuracy/real",
    "accuracy/completed",
    "grad_norm/discriminator",
)
R1 = "loss/r1"
"""The metric of the penalty on D's slope, where there is one: its mean square, without gamma."""


@dataclass(frozen=True, kw_only=True)
class Judging(GlcicNetworks):
    """Moves D, per device, inside shard_map.

    Attributes:
      r1: gamma of the penalty on D's slope at real pictures; 0 = none.
    """

    r1: float = 0.0

    @property
    def discriminator_metrics(self) -> tuple[str, ...]:
        """Returns the names of the metrics of D's update."""
        return (*METRICS, R1) if self.r1 else METRICS

    def discriminator_gradients(
        self, params: Any, batch_stats: Any, batch: Batch, output: Image
    ) -> tuple[Any, tuple[Any, Metrics]]:
        """Returns D's statistics, and its gradients with its metrics.

        D sees uncut pictures with patches around M_d, and completed ones with patches around M_c.
        Each of the two is normalised by its own batch statistics.

        Args:
          params: D's parameters.
          batch_stats: D's statistics.
          batch: a device's share, or a part of it.
          output: C's raw output.
        """
        completed = composite(batch["image"], lax.stop_gradient(output), batch["mask"])

        def loss(params):
            params = used_often(params)
            real, stats = self.judge(params, batch_stats, batch["image"], batch["other_mask"])
            fake, stats = self.judge(params, stats, completed, batch["mask"])
            value = device_mean(discriminator_loss(real, fake))
            if not self.r1:
                return value, (stats, real, fake, {})
            steepness = device_mean(self._steepness(params, batch_stats, batch))
            apart = {"loss/discriminator": value, R1: steepness}
            return value + self.r1 / 2 * steepness, (stats, real, fake, apart)

        (value, (stats, real, fake, apart)), gradients = jax.value_and_grad(loss, has_aux=True)(
            params
        )
        metrics = {
            "loss/discriminator": value,
            "accuracy/real": device_mean(jnp.mean(real > 0)),
            "accuracy/completed": device_mean(jnp.mean(fake < 0)),
        }
        return stats, (gradients, metrics | apart)

    def _steepness(self, params: Any, batch_stats: Any, batch: Batch) -> Float[Array, ""]:
        """Returns the mean square of D's slope at the uncut pictures, which R1 penalises."""
        return r1_penalty(
            lambda image: self.judge(params, batch_stats, image, batch["other_mask"])[0],
            batch["image"],
        )

    def move_discriminator(
        self, state: TrainState, gradients: Any, batch_stats: Any, metrics: Metrics
    ) -> tuple[TrainState, Metrics]:
        """Returns the state after D has moved, and the metrics with its gradient's norm."""
        network = state.networks["discriminator"]
        network = descend(self.judge_optimizer, network, gradients, batch_stats)
        metrics = metrics | {"grad_norm/discriminator": optax.tree.norm(gradients)}
        return state.replace(networks=state.networks | {"discriminator": network}), metrics
