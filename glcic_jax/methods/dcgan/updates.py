"""Runs DCGAN's two networks, and updates both."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import optax
from jax import lax
from jaxtyping import Array, Float, PRNGKeyArray

from glcic_jax.methods.dcgan.networks import Discriminator, Generator, SignedImage
from glcic_jax.methods.losses import discriminator_loss, non_saturating_loss
from glcic_jax.methods.network_state import (
    descend,
    device_mean,
    infer,
    run_in_training,
    start,
    used_often,
)
from glcic_jax.runtime.devices import DATA, own_share
from glcic_jax.types import Batch, Metrics, NetworkState, TrainState

METRICS = (
    "loss/discriminator",
    "loss/generator",
    "accuracy/real",
    "accuracy/generated",
    "grad_norm/discriminator",
    "grad_norm/generator",
)


@dataclass(frozen=True, kw_only=True)
class Dcgan:
    """Starts, runs and updates the generator G and the discriminator D.

    The update runs per device, inside shard_map.

    Attributes:
      generator: makes a Generator, given `train`.
      discriminator: makes a Discriminator, given `train`.
      size: edge of the pictures, pixels.
      latent: numbers in a latent vector z, uniform in [-1, 1].
      optimizer: the rule by which G moves.
      judge_optimizer: the rule by which D moves.
      feature_matching: weight in G's loss of the squared distance between the mean features that D
        finds in real and in generated pictures (Salimans et al. 2016, section 3.1); 0 = none.
    """

    generator: Callable[..., Generator]
    discriminator: Callable[..., Discriminator]
    size: int
    latent: int
    optimizer: optax.GradientTransformation
    judge_optimizer: optax.GradientTransformation
    feature_matching: float

    def init(self, key: PRNGKeyArray) -> TrainState:
        """Returns random networks with their optimizers' states, at step 0."""
        modules = {
            "generator": (
                self.generator(train=False),
                self.optimizer,
                jnp.zeros((1, self.latent)),
            ),
            "discriminator": (
                self.discriminator(train=False),
                self.judge_optimizer,
                jnp.zeros((1, self.size, self.size, 3)),
            ),
        }
        networks = {
            name: start(module, optimizer, jax.random.fold_in(key, number), example)
            for number, (name, (module, optimizer, example)) in enumerate(modules.items())
        }
        return TrainState(step=jnp.zeros((), jnp.int32), networks=networks)

    def latents(self, key: PRNGKeyArray, count: int) -> Float[Array, "count latent"]:
        """Returns random latent vectors, each number uniform in [-1, 1]."""
        return jax.random.uniform(key, (count, self.latent), minval=-1, maxval=1)

    def generate(self, network: NetworkState, z: Float[Array, "b latent"]) -> SignedImage:
        """Returns G's pictures with running statistics: each depends on its own z alone."""
        return infer(self.generator(train=False), network, z)

    def judge(self, network: NetworkState, image: SignedImage) -> Float[Array, "b"]:
        """Returns D's logits with running statistics."""
        logits, _ = infer(self.discriminator(train=False), network, image)
        return logits

    def update(
        self, state: TrainState, batch: Batch, key: PRNGKeyArray
    ) -> tuple[TrainState, Metrics]:
        """Moves D first, then G against the updated D, on the same latent vectors.

        One forward pass of G serves both. The batch's holes are not used.
        """
        real = 2 * batch["image"] - 1
        network = state.networks["generator"]
        # The whole batch's vectors do not depend on the number of devices.
        z = own_share(self.latents(key, len(real) * lax.axis_size(DATA)))
        generator = self.generator(train=True)
        generated, backward, stats = jax.vjp(
            lambda params: run_in_training(generator, params, network.batch_stats, z),
            network.params,
            has_aux=True,
        )
        discriminator, metrics = self._move_discriminator(
            state.networks["discriminator"], real, generated
        )
        loss, cotangent = jax.value_and_grad(
            lambda pictures: self._generator_loss(discriminator, real, pictures)
        )(generated)
        (gradients,) = backward(cotangent)
        moved = descend(self.optimizer, network, gradients, stats)
        metrics |= {"loss/generator": loss, "grad_norm/generator": optax.tree.norm(gradients)}
        return state.replace(networks={"generator": moved, "discriminator": discriminator}), metrics

    def _move_discriminator(
        self, network: NetworkState, real: SignedImage, generated: SignedImage
    ) -> tuple[NetworkState, Metrics]:
        """Moves D, by real pictures against generated ones.

        Each of the two is normalised by its own batch statistics.
        """
        module = self.discriminator(train=True)

        def loss(params):
            params = used_often(params)
            (real_logits, _), stats = run_in_training(module, params, network.batch_stats, real)
            (fake_logits, _), stats = run_in_training(module, params, stats, generated)
            value = device_mean(discriminator_loss(real_logits, fake_logits))
            return value, (stats, real_logits, fake_logits)

        (value, (stats, real_logits, fake_logits)), gradients = jax.value_and_grad(
            loss, has_aux=True
        )(network.params)
        return descend(self.judge_optimizer, network, gradients, stats), {
            "loss/discriminator": value,
            "accuracy/real": device_mean(jnp.mean(real_logits > 0)),
            "accuracy/generated": device_mean(jnp.mean(fake_logits < 0)),
            "grad_norm/discriminator": optax.tree.norm(gradients),
        }

    def _generator_loss(
        self, discriminator: NetworkState, real: SignedImage, generated: SignedImage
    ) -> Float[Array, ""]:
        """Returns -log D(G(z)), and the distance of mean features if that has a weight."""
        # D normalises by this batch's statistics. Its new running statistics are dropped: only its
        # own update may change it.
        run = partial(run_in_training, self.discriminator(train=True))
        params, stats = discriminator.params, discriminator.batch_stats
        (logits, fake_features), _ = run(params, stats, generated)
        loss = device_mean(non_saturating_loss(logits))
        if not self.feature_matching:
            return loss
        (_, real_features), _ = run(params, stats, real)
        fake_mean = device_mean(jnp.mean(fake_features, axis=0))
        real_mean = device_mean(jnp.mean(real_features, axis=0))
        return loss + self.feature_matching * jnp.sum(jnp.square(fake_mean - real_mean))
