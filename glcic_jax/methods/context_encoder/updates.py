"""Updates a context encoder and its discriminator (Pathak et al. 2016), and completes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import lax
from jaxtyping import Array, Float, PRNGKeyArray

from glcic_jax.layers.ops import composite
from glcic_jax.methods.losses import discriminator_loss, non_saturating_loss
from glcic_jax.methods.network_state import (
    descend,
    device_mean,
    infer,
    run_in_training,
    start,
    used_often,
)
from glcic_jax.types import Batch, Image, Mask, Metrics, NetworkState, TrainState

METRICS = (
    "loss/l2",
    "loss/adversarial",
    "loss/discriminator",
    "accuracy/real",
    "accuracy/completed",
    "grad_norm/completion",
    "grad_norm/discriminator",
)


@dataclass(frozen=True, kw_only=True)
class ContextEncoderGan:
    """Starts and updates the completion network C and the discriminator D, and completes with C.

    The update runs per device, inside shard_map.

    Attributes:
      networks: make C ("completion") and D ("discriminator"), given `train`.
      optimizers: the rules by which they move, by the same names.
      mean_pixel: RGB in [0, 1] that holes are painted with.
      crop: edge in pixels of what C takes.
      predicted: edge in pixels of the middle square that C predicts.
      hidden: edge in pixels of the middle square that is always painted over; 0 = the holes alone.
      known_weight: weight in L2 of known pixels that are predicted. The hole's weigh 1.
      adversarial_weight: lambda_adv. The weight of L2 is 1 - lambda_adv.
    """

    networks: dict[str, Callable[..., Any]]
    optimizers: dict[str, optax.GradientTransformation]
    mean_pixel: tuple[float, float, float]
    crop: int
    predicted: int
    hidden: int
    known_weight: float
    adversarial_weight: float

    def init(self, key: PRNGKeyArray) -> TrainState:
        """Returns random networks with their optimizers' states, at step 0."""
        edges = {"completion": self.crop, "discriminator": self.predicted}
        networks = {
            name: start(
                self.networks[name](train=False),
                self.optimizers[name],
                jax.random.fold_in(key, number),
                jnp.zeros((1, edge, edge, 3)),
            )
            for number, (name, edge) in enumerate(edges.items())
        }
        return TrainState(jnp.zeros((), jnp.int32), networks)

    def update(
        self, state: TrainState, batch: Batch, key: PRNGKeyArray
    ) -> tuple[TrainState, Metrics]:
        """Moves D first, then C against the updated D, on the same pictures."""
        del key
        network, judge = state.networks["completion"], state.networks["discriminator"]
        seen = self._paint(batch["image"], batch["mask"])
        truth, hole = (self._middle(batch[name]) for name in ("image", "mask"))
        truth = 2 * truth - 1
        output, backward, stats = jax.vjp(
            lambda params: self._run("completion", params, network.batch_stats, seen),
            network.params,
            has_aux=True,
        )
        # D moves.
        gradients, judge_stats, judge_metrics = self._discriminator_gradients(judge, truth, output)
        judge = descend(self.optimizers["discriminator"], judge, gradients, judge_stats)
        judge_metrics["grad_norm/discriminator"] = optax.tree.norm(gradients)

        # C moves against the updated D.
        def loss(output):
            weights = jnp.where(hole > 0, 1.0, self.known_weight)
            l2 = device_mean(jnp.mean(weights * jnp.square(output - truth)))
            logits, _ = self._run("discriminator", judge.params, judge.batch_stats, output)
            adversarial = device_mean(non_saturating_loss(logits))
            total = (1 - self.adversarial_weight) * l2 + self.adversarial_weight * adversarial
            return total, {"loss/l2": l2, "loss/adversarial": adversarial}

        (_, metrics), cotangent = jax.value_and_grad(loss, has_aux=True)(output)
        (gradients,) = backward(cotangent)
        network = descend(self.optimizers["completion"], network, gradients, stats)
        metrics["grad_norm/completion"] = optax.tree.norm(gradients)
        networks = {"completion": network, "discriminator": judge}
        return state.replace(networks=networks), metrics | judge_metrics

    def _discriminator_gradients(self, judge: NetworkState, truth: Array, output: Array):
        """Returns D's gradients, statistics and metrics, from true squares and predicted ones."""
        output = lax.stop_gradient(output)

        def loss(params):
            params = used_often(params)
            real, stats = self._run("discriminator", params, judge.batch_stats, truth)
            fake, stats = self._run("discriminator", params, stats, output)
            metrics = {
                "accuracy/real": device_mean(jnp.mean(real > 0)),
                "accuracy/completed": device_mean(jnp.mean(fake < 0)),
            }
            return device_mean(discriminator_loss(real, fake)), (stats, metrics)

        (value, (stats, metrics)), gradients = jax.value_and_grad(loss, has_aux=True)(judge.params)
        return gradients, stats, metrics | {"loss/discriminator": value}

    def _run(self, name: str, params, batch_stats, x: Array) -> tuple[Array, Any]:
        """Returns a network's output in training, and its running statistics after it."""
        return run_in_training(self.networks[name](train=True), params, batch_stats, x)

    # Where the networks look ---------------------------------------------------------------------

    def _middle(self, x: Float[Array, "b s s c"]) -> Float[Array, "b p p c"]:
        """Cuts out the square that is predicted."""
        first = (self.crop - self.predicted) // 2
        return x[:, first : first + self.predicted, first : first + self.predicted]

    def _paint(self, image: Image, mask: Mask) -> Image:
        """Returns what C sees, in [-1, 1]: holes and the hidden square have the mean colour."""
        first = (self.crop - self.hidden) // 2
        inside = slice(first, first + self.hidden)
        mask = mask.at[:, inside, inside].set(1)
        return 2 * jnp.where(mask > 0, jnp.asarray(self.mean_pixel, image.dtype), image) - 1

    def previews(
        self, state: TrainState, image: Image, mask: Mask, key: PRNGKeyArray
    ) -> dict[str, Image]:
        """Returns C's prediction in its place, and the completed pictures.

        Pictures are `crop` x `crop`. Holes outside the predicted square get the mean colour.
        """
        del key
        seen = self._paint(image, mask)
        module = self.networks["completion"](train=False)
        output = infer(module, state.networks["completion"], seen)
        first = (self.crop - self.predicted) // 2
        output = (lax.dynamic_update_slice(seen, output, (0, first, first, 0)) + 1) / 2
        return {"raw output": output, "completed": composite(image, output, mask)}
