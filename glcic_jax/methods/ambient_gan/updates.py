"""Updates AmbientGAN's networks, and completes with them. See method.py."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import lax
from jaxtyping import Array, Float, PRNGKeyArray

from glcic_jax.layers.ops import completion_input
from glcic_jax.methods.ambient_gan.discriminator import MeasurementDiscriminator
from glcic_jax.methods.ambient_gan.measurements import (
    Measurement,
    measure,
    measured_penalty,
    paint,
)
from glcic_jax.methods.completion import fill_any_size
from glcic_jax.methods.losses import (
    critic_loss,
    discriminator_loss,
    masked_mse,
    non_saturating_loss,
    wasserstein_loss,
)
from glcic_jax.methods.network_state import (
    descend,
    device_mean,
    infer,
    run_in_training,
    start,
    used_often,
)
from glcic_jax.runtime.devices import DATA, own_share
from glcic_jax.types import Batch, Image, Mask, Metrics, NetworkState, TrainState

ADVERSARIAL = {
    "wasserstein": (critic_loss, wasserstein_loss),
    "non_saturating": (discriminator_loss, non_saturating_loss),
}
"""The losses of D and of C, by the names that `adversarial.loss` of the config may have."""


@dataclass(frozen=True, kw_only=True)
class AmbientGan:
    """Starts and updates the completion network C and the discriminator D, and completes with C.

    The update runs per device, inside shard_map.

    Attributes:
      completion: makes C, given `train`.
      discriminator: D, which judges measured pictures.
      stride: height and width of C's input must be multiples of this, in pixels.
      crop: edge in pixels of what D sees.
      optimizer: the rule by which C moves.
      judge_optimizer: the rule by which D moves.
      loss: a key of ADVERSARIAL.
      penalty: weight of the gradient penalty; 0 = none.
      reconstruction: weight of the reconstruction of known pixels; 0 = none.
      noise: standard deviation of the measurement's noise.
      mean_pixel: RGB in [0, 1] that the hole is filled with before C sees it.
    """

    completion: Callable[..., Any]
    discriminator: MeasurementDiscriminator
    stride: int
    crop: int
    optimizer: optax.GradientTransformation
    judge_optimizer: optax.GradientTransformation
    loss: str
    penalty: float
    reconstruction: float
    noise: float
    mean_pixel: tuple[float, float, float]

    @property
    def metrics(self) -> tuple[str, ...]:
        """Returns the names of what an update reports."""
        return (
            "loss/discriminator",
            "loss/adversarial",
            *(("loss/penalty",) if self.penalty else ()),
            *(("loss/reconstruction",) if self.reconstruction else ()),
            *(("accuracy/real", "accuracy/completed") if self.loss != "wasserstein" else ()),
            "grad_norm/completion",
            "grad_norm/discriminator",
        )

    def init(self, key: PRNGKeyArray) -> TrainState:
        """Returns random networks with their optimizers' states, at step 0."""
        picture = jnp.zeros((1, self.crop, self.crop, 4))
        networks = {
            "completion": start(
                self.completion(train=False), self.optimizer, jax.random.fold_in(key, 0), picture
            ),
            "discriminator": start(
                self.discriminator,
                self.judge_optimizer,
                jax.random.fold_in(key, 1),
                picture[..., :3],
                picture[..., 3:],
            ),
        }
        return TrainState(step=jnp.zeros((), jnp.int32), networks=networks)

    # Training ------------------------------------------------------------------------------------

    def update(
        self, state: TrainState, batch: Batch, key: PRNGKeyArray
    ) -> tuple[TrainState, Metrics]:
        """Moves D first, then C against the updated D; one forward pass of C serves both."""
        network = state.networks["completion"]
        real = measure(batch["image"], batch["mask"])
        output, backward, stats = jax.vjp(
            lambda params: self._fill(params, network.batch_stats, real),
            network.params,
            has_aux=True,
        )
        noise = None
        if self.noise:
            noise_key = jax.random.fold_in(key, 0)
            noise = self.noise * _own_random(jax.random.normal, noise_key, output.shape)
        # D moves.
        fresh = batch["other_mask"]
        painted = lax.stop_gradient(paint(real, output, noise))
        fake = measure(painted, fresh)
        discriminator, metrics = self._move_discriminator(
            state.networks["discriminator"], real, fake, painted, jax.random.fold_in(key, 1)
        )
        # C moves against the updated D.
        adversarial, cotangent = jax.value_and_grad(
            lambda output: self._adversarial(
                discriminator, measure(paint(real, output, noise), fresh)
            )
        )(output)
        (gradients,) = backward(cotangent)
        metrics["loss/adversarial"] = adversarial
        if self.reconstruction:
            metrics["loss/reconstruction"], more = self._reconstruct(network, real, fake)
            gradients = jax.tree.map(jnp.add, gradients, more)
        metrics["grad_norm/completion"] = optax.tree.norm(gradients)
        moved = descend(self.optimizer, network, gradients, stats)
        networks = {"completion": moved, "discriminator": discriminator}
        return state.replace(networks=networks), metrics

    def _fill(self, params, batch_stats, seen: Measurement) -> tuple[Image, Any]:
        """Returns C's raw output in training, and its running statistics after it."""
        x = completion_input(seen.image, seen.mask, self.mean_pixel)
        return run_in_training(self.completion(train=True), params, batch_stats, x)

    def _judge(self, params, seen: Measurement) -> Any:
        """Returns D's logits [b], or a critic's values [b]."""
        return self.discriminator.apply({"params": params}, seen.image, seen.mask)

    def _move_discriminator(
        self,
        network: NetworkState,
        real: Measurement,
        fake: Measurement,
        painted: Image,
        key: PRNGKeyArray,
    ) -> tuple[NetworkState, Metrics]:
        """Moves D, by measured pictures against completed ones: `fake` is `painted` measured."""
        share = _own_random(jax.random.uniform, key, (len(painted), 1, 1, 1))
        judge_loss, _ = ADVERSARIAL[self.loss]

        def loss(params):
            params = used_often(params)
            real_values, fake_values = self._judge(params, real), self._judge(params, fake)
            value = judge_loss(real_values, fake_values)
            metrics = {"loss/discriminator": value}
            if self.loss != "wasserstein":
                metrics["accuracy/real"] = jnp.mean(real_values > 0)
                metrics["accuracy/completed"] = jnp.mean(fake_values < 0)
            if self.penalty:
                metrics["loss/penalty"] = measured_penalty(
                    lambda seen: self._judge(params, seen), real, painted, share
                )
                value += self.penalty * metrics["loss/penalty"]
            return device_mean(value), device_mean(metrics)

        (_, metrics), gradients = jax.value_and_grad(loss, has_aux=True)(network.params)
        metrics["grad_norm/discriminator"] = optax.tree.norm(gradients)
        return descend(self.judge_optimizer, network, gradients, network.batch_stats), metrics

    def _adversarial(self, discriminator: NetworkState, fake: Measurement) -> Float[Array, ""]:
        """Returns C's loss against D."""
        _, completion_loss = ADVERSARIAL[self.loss]
        return device_mean(completion_loss(self._judge(discriminator.params, fake)))

    def _reconstruct(
        self, network: NetworkState, real: Measurement, fake: Measurement
    ) -> tuple[Float[Array, ""], Any]:
        """Completes `fake` in turn, and compares it where the fresh hole hides known pixels.

        Returns:
          The squared error there, and the gradients of its weighted value.
        """
        target = fake.mask * (1 - real.mask)

        def loss(params):
            # Running statistics shall describe the data alone, so these are dropped.
            output, _ = self._fill(params, network.batch_stats, fake)
            error = device_mean(masked_mse(output, real.image, target))
            return self.reconstruction * error, error

        (_, error), gradients = jax.value_and_grad(loss, has_aux=True)(network.params)
        return error, gradients

    # Completion ----------------------------------------------------------------------------------

    def previews(
        self, state: TrainState, image: Image, mask: Mask, key: PRNGKeyArray
    ) -> dict[str, Image]:
        """Returns C's raw output and the completed pictures."""
        del key

        def fill(image, mask):
            x = completion_input(image, mask, self.mean_pixel)
            return infer(self.completion(train=False), state.networks["completion"], x)

        return fill_any_size(fill, image, mask, self.stride)


def _own_random(random: Callable, key: PRNGKeyArray, shape: tuple[int, ...]) -> Array:
    """Returns this device's share of random numbers, `shape` of them with one row per picture."""
    return own_share(random(key, (shape[0] * lax.axis_size(DATA), *shape[1:])))
