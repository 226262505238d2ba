"""The update of AmbientGAN's networks, and completion with them. See method.py."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import lax
from jaxtyping import Array, Float, PRNGKeyArray

from glcic_jax.layers.ops import completion_input, composite, pad_to_multiple
from glcic_jax.methods.ambient_gan.discriminator import MeasurementDiscriminator
from glcic_jax.methods.losses import (
    critic_loss,
    discriminator_loss,
    gradient_penalty,
    masked_mse,
    non_saturating_loss,
    wasserstein_loss,
)
from glcic_jax.runtime.devices import DATA, own_share
from glcic_jax.types import Batch, Image, Mask, Metrics, NetworkState, TrainState

ADVERSARIAL = {
    "wasserstein": (critic_loss, wasserstein_loss),
    "non_saturating": (discriminator_loss, non_saturating_loss),
}
"""The losses of D and of C."""


class Measurement(NamedTuple):
    """What D sees: pictures in [0, 1] and the holes in them."""

    image: Image
    mask: Mask


def measure(image: Image, mask: Mask) -> Measurement:
    """Hides pixels: white, as in the data."""
    return Measurement(jnp.where(mask > 0, 1.0, image), mask)


def remeasure(real: Measurement, output: Image, fresh: Mask, noise: Image | None) -> Measurement:
    """A fresh measurement, with the hole `fresh`, of measured pictures filled with C's output.

    Known pixels carry their measurement's noise already; what C painted gets `noise`.
    """
    if noise is not None:
        output = jnp.clip(output + noise, 0, 1)
    return measure(composite(real.image, output, real.mask), fresh)


@dataclass(frozen=True, kw_only=True)
class AmbientGan:
    """C and D, and the update of both. Runs per device, inside shard_map.

    Attributes:
      completion: makes C, given `train`.
      stride: C's input must be a multiple of it.
      discriminator: judges measured pictures.
      crop: edge in pixels of what D sees.
      optimizer: one rule, and one state per network.
      loss: a key of ADVERSARIAL.
      penalty: weight of the gradient penalty, 0 for none.
      reconstruction: weight of the reconstruction of known pixels, 0 for none.
      noise: standard deviation of the measurement's noise.
      mean_pixel: RGB in [0, 1] that the hole is filled with before C sees it.
    """

    completion: Callable[..., Any]
    discriminator: MeasurementDiscriminator
    stride: int
    crop: int
    optimizer: optax.GradientTransformation
    loss: str
    penalty: float
    reconstruction: float
    noise: float
    mean_pixel: tuple[float, float, float]

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names of what an update reports."""
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
        """Fresh networks and optimizer states, at step 0."""
        picture = jnp.zeros((1, self.crop, self.crop, 4))
        networks = {
            "completion": self._start(
                self.completion(train=False), jax.random.fold_in(key, 0), picture
            ),
            "discriminator": self._start(
                self.discriminator, jax.random.fold_in(key, 1), picture[..., :3], picture[..., 3:]
            ),
        }
        return TrainState(step=jnp.zeros((), jnp.int32), networks=networks)

    def _start(self, module, key: PRNGKeyArray, *inputs: Array) -> NetworkState:
        variables = jax.jit(module.init)(key, *inputs)
        params = variables["params"]
        return NetworkState(params, variables.get("batch_stats", {}), self.optimizer.init(params))

    # Training ------------------------------------------------------------------------------------

    def update(
        self, state: TrainState, batch: Batch, key: PRNGKeyArray
    ) -> tuple[TrainState, Metrics]:
        """D moves first, then C against the updated D; one forward pass of C serves both."""
        network = state.networks["completion"]
        real = measure(batch["image"], batch["mask"])
        output, backward, stats = jax.vjp(
            lambda params: self._fill(params, network.batch_stats, real),
            network.params,
            has_aux=True,
        )
        noise = None
        if self.noise:
            drawn = _own_draw(jax.random.normal, jax.random.fold_in(key, 0), output.shape)
            noise = self.noise * drawn
        fresh = batch["other_mask"]
        fake = lax.stop_gradient(remeasure(real, output, fresh, noise))
        discriminator, metrics = self._move_discriminator(
            state.networks["discriminator"], real, fake, jax.random.fold_in(key, 1)
        )
        adversarial, cotangent = jax.value_and_grad(
            lambda output: self._adversarial(discriminator, remeasure(real, output, fresh, noise))
        )(output)
        (gradients,) = backward(cotangent)
        metrics["loss/adversarial"] = adversarial
        if self.reconstruction:
            metrics["loss/reconstruction"], more = self._reconstruct(network, real, fake)
            gradients = jax.tree.map(jnp.add, gradients, more)
        metrics["grad_norm/completion"] = optax.tree.norm(gradients)
        moved = self._descend(network, gradients, stats)
        return state.replace(
            networks={"completion": moved, "discriminator": discriminator}
        ), metrics

    def _fill(self, params, batch_stats, seen: Measurement) -> tuple[Image, Any]:
        """C's raw output in training, and its running statistics after it."""
        x = completion_input(seen.image, seen.mask, self.mean_pixel)
        module = self.completion(train=True)
        variables = {"params": params, "batch_stats": batch_stats}
        output, changed = module.apply(variables, x, mutable=["batch_stats"])
        stats = changed["batch_stats"]
        return output, stats if module.axis_name else lax.pmean(stats, DATA)

    def _judge(self, params, seen: Measurement) -> Any:
        """Logits [b], or the critic's values."""
        return self.discriminator.apply({"params": params}, seen.image, seen.mask)

    def _move_discriminator(
        self, network: NetworkState, real: Measurement, fake: Measurement, key: PRNGKeyArray
    ) -> tuple[NetworkState, Metrics]:
        share = _own_draw(jax.random.uniform, key, (len(real.mask), 1, 1, 1))

        def loss(params):
            # Used several times: marked as each device's own once, so that devices exchange one
            # sum of the gradients.
            params = lax.pcast(params, DATA, to="varying")
            of_real, of_fake = self._judge(params, real), self._judge(params, fake)
            value = ADVERSARIAL[self.loss][0](of_real, of_fake)
            metrics = {"loss/discriminator": value}
            if self.loss != "wasserstein":
                metrics["accuracy/real"] = jnp.mean(of_real > 0)
                metrics["accuracy/completed"] = jnp.mean(of_fake < 0)
            if self.penalty:
                ends = [jnp.concatenate(seen, axis=-1) for seen in (real, fake)]
                metrics["loss/penalty"] = gradient_penalty(
                    lambda x: self._judge(params, Measurement(x[..., :3], x[..., 3:])),
                    ends[0],
                    ends[1],
                    share,
                )
                value += self.penalty * metrics["loss/penalty"]
            return lax.pmean(value, DATA), lax.pmean(metrics, DATA)

        (_, metrics), gradients = jax.value_and_grad(loss, has_aux=True)(network.params)
        metrics["grad_norm/discriminator"] = optax.tree.norm(gradients)
        return self._descend(network, gradients, network.batch_stats), metrics

    def _adversarial(self, discriminator: NetworkState, fake: Measurement) -> Float[Array, ""]:
        values = self._judge(discriminator.params, fake)
        return lax.pmean(ADVERSARIAL[self.loss][1](values), DATA)

    def _reconstruct(
        self, network: NetworkState, real: Measurement, fake: Measurement
    ) -> tuple[Float[Array, ""], Any]:
        """Squared error where the fresh hole hides known pixels, and its weighted gradient."""
        target = fake.mask * (1 - real.mask)

        def loss(params):
            # The statistics are those of pictures as they came: dropped here.
            output, _ = self._fill(params, network.batch_stats, fake)
            error = lax.pmean(masked_mse(output, real.image, target), DATA)
            return self.reconstruction * error, error

        (_, error), gradients = jax.value_and_grad(loss, has_aux=True)(network.params)
        return error, gradients

    def _descend(self, network: NetworkState, gradients, batch_stats) -> NetworkState:
        updates, opt_state = self.optimizer.update(gradients, network.opt_state, network.params)
        return NetworkState(optax.apply_updates(network.params, updates), batch_stats, opt_state)

    # Completion ----------------------------------------------------------------------------------

    def complete(self, state: TrainState, image: Image, mask: Mask, key: PRNGKeyArray) -> Image:
        """Fills the holes; known pixels are returned as they came."""
        return self.previews(state, image, mask, key)["completed"]

    def previews(
        self, state: TrainState, image: Image, mask: Mask, key: PRNGKeyArray
    ) -> dict[str, Image]:
        """C's raw output and the completed picture."""
        del key
        height, width = image.shape[1:3]
        network = state.networks["completion"]
        x = completion_input(
            pad_to_multiple(image, self.stride), pad_to_multiple(mask, self.stride), self.mean_pixel
        )
        variables = {"params": network.params, "batch_stats": network.batch_stats}
        output: Any = self.completion(train=False).apply(variables, x)
        output = output[:, :height, :width]
        return {"raw output": output, "completed": composite(image, output, mask)}


def _own_draw(draw: Callable, key: PRNGKeyArray, shape: tuple[int, ...]) -> Array:
    """This device's share of random numbers, one row per picture."""
    return own_share(draw(key, (shape[0] * lax.axis_size(DATA), *shape[1:])))
