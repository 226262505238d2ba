"""DCGAN's two networks at work, and the update that trains both."""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import optax
from jax import lax
from jaxtyping import Array, Float, PRNGKeyArray

from glcic_jax.methods.dcgan.networks import Discriminator, Generator, SignedImage
from glcic_jax.methods.losses import discriminator_loss, non_saturating_loss
from glcic_jax.runtime.devices import DATA
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
    """Generator G and discriminator D. The update runs per device, inside shard_map.

    Attributes:
      generator: makes a Generator, given `train`.
      discriminator: makes a Discriminator, given `train`.
      size: edge of the pictures, pixels.
      latent: numbers in a latent vector z, uniform in [-1, 1].
      optimizer: one rule, and one state per network.
      feature_matching: weight in G's loss of the squared distance between the mean features that D
        finds in real and in generated pictures (Salimans et al. 2016, section 3.1); 0 = none.
    """

    generator: Callable[..., Generator]
    discriminator: Callable[..., Discriminator]
    size: int
    latent: int
    optimizer: optax.GradientTransformation
    feature_matching: float

    def init(self, key: PRNGKeyArray) -> TrainState:
        """Fresh networks and optimizer states, at step 0."""
        modules = {
            "generator": (self.generator(train=False), jnp.zeros((1, self.latent))),
            "discriminator": (
                self.discriminator(train=False),
                jnp.zeros((1, self.size, self.size, 3)),
            ),
        }
        networks = {}
        for number, (name, (module, example)) in enumerate(modules.items()):
            variables = jax.jit(module.init)(jax.random.fold_in(key, number), example)
            params = variables["params"]
            networks[name] = NetworkState(
                params, variables["batch_stats"], self.optimizer.init(params)
            )
        return TrainState(step=jnp.zeros((), jnp.int32), networks=networks)

    def latents(self, key: PRNGKeyArray, count: int) -> Float[Array, "count latent"]:
        """Random latent vectors."""
        return jax.random.uniform(key, (count, self.latent), minval=-1, maxval=1)

    def generate(self, network: NetworkState, z: Float[Array, "b latent"]) -> SignedImage:
        """G's pictures with running statistics: each depends on its own z alone."""
        return self.generator(train=False).apply(_variables(network), z)  # pyright: ignore[reportReturnType]

    def judge(self, network: NetworkState, image: SignedImage) -> Float[Array, "b"]:
        """D's logits with running statistics."""
        logits, _ = self.discriminator(train=False).apply(_variables(network), image)
        return logits

    def update(
        self, state: TrainState, batch: Batch, key: PRNGKeyArray
    ) -> tuple[TrainState, Metrics]:
        """D moves first, then G against the updated D, on the same latent vectors.

        One forward pass of G serves both. Holes have no part in it.
        """
        real = 2 * batch["image"] - 1
        network = state.networks["generator"]
        z = self._share(key, len(real))
        generated, backward, stats = jax.vjp(
            lambda params: _trained(self.generator, params, network.batch_stats, z),
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
        moved = self._descend(network, gradients, stats)
        metrics |= {"loss/generator": loss, "grad_norm/generator": optax.tree.norm(gradients)}
        return state.replace(networks={"generator": moved, "discriminator": discriminator}), metrics

    def _share(self, key: PRNGKeyArray, count: int) -> Float[Array, "count latent"]:
        """This device's latent vectors: those of the whole batch depend on no number of devices."""
        everyones = self.latents(key, count * lax.axis_size(DATA))
        return lax.dynamic_slice_in_dim(everyones, lax.axis_index(DATA) * count, count)

    def _move_discriminator(
        self, network: NetworkState, real: SignedImage, generated: SignedImage
    ) -> tuple[NetworkState, Metrics]:
        """Real and generated pictures are normalised apart, each with its own batch statistics."""

        def loss(params):
            # Used twice: marked as each device's own once, so that devices exchange one sum of
            # both gradients, not two.
            params = lax.pcast(params, DATA, to="varying")
            (of_real, _), stats = _trained(self.discriminator, params, network.batch_stats, real)
            (of_generated, _), stats = _trained(self.discriminator, params, stats, generated)
            value = lax.pmean(discriminator_loss(of_real, of_generated), DATA)
            return value, (stats, of_real, of_generated)

        (value, (stats, of_real, of_generated)), gradients = jax.value_and_grad(loss, has_aux=True)(
            network.params
        )
        return self._descend(network, gradients, stats), {
            "loss/discriminator": value,
            "accuracy/real": lax.pmean(jnp.mean(of_real > 0), DATA),
            "accuracy/generated": lax.pmean(jnp.mean(of_generated < 0), DATA),
            "grad_norm/discriminator": optax.tree.norm(gradients),
        }

    def _generator_loss(
        self, discriminator: NetworkState, real: SignedImage, generated: SignedImage
    ) -> Float[Array, ""]:
        """-log D(G(z)), and the distance of mean features if that has a weight."""
        params, stats = discriminator.params, discriminator.batch_stats
        # D normalises with this batch's statistics; what it would remember of them is dropped.
        (logits, features), _ = _trained(self.discriminator, params, stats, generated)
        loss = lax.pmean(non_saturating_loss(logits), DATA)
        if not self.feature_matching:
            return loss
        (_, wanted), _ = _trained(self.discriminator, params, stats, real)
        means = (lax.pmean(jnp.mean(found, axis=0), DATA) for found in (features, wanted))
        ours, theirs = means
        return loss + self.feature_matching * jnp.sum(jnp.square(ours - theirs))

    def _descend(self, network: NetworkState, gradients, batch_stats) -> NetworkState:
        updates, opt_state = self.optimizer.update(gradients, network.opt_state, network.params)
        return NetworkState(optax.apply_updates(network.params, updates), batch_stats, opt_state)


def _variables(network: NetworkState) -> dict:
    return {"params": network.params, "batch_stats": network.batch_stats}


def _trained(make, params, batch_stats, x: Array):
    """Runs a network with the batch's statistics; the running ones are the same on all devices."""
    module = make(train=True)
    output, changed = module.apply(
        {"params": params, "batch_stats": batch_stats}, x, mutable=["batch_stats"]
    )
    stats = changed["batch_stats"]
    return output, stats if module.axis_name else lax.pmean(stats, DATA)
