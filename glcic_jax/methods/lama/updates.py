"""Updates LaMa's generator and discriminator (Suvorov et al., WACV 2022, section 2.2)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import lax
from jaxtyping import Array, PRNGKeyArray

from glcic_jax.methods.lama.completing import complete_any_size, generator_input
from glcic_jax.methods.lama.losses import (
    feature_matching_loss,
    known_loss,
    nearest,
    patches_loss,
    receptive_field_loss,
)
from glcic_jax.methods.lama.refinement import complete_refined
from glcic_jax.methods.lama.sizes import SMALLEST
from glcic_jax.methods.losses import Features, non_saturating_loss
from glcic_jax.methods.network_state import (
    begin_average,
    descend,
    device_mean,
    follow,
    run_in_training,
    start,
    used_often,
)
from glcic_jax.types import Batch, Image, Mask, Metrics, NetworkState, TrainState

GENERATOR, DISCRIMINATOR, AVERAGE = "completion", "discriminator", "completion_average"

KNOWN, ADVERSARIAL, MATCHING, FIELD = "known", "adversarial", "feature_matching", "perceptual"
TERMS = (KNOWN, ADVERSARIAL, MATCHING, FIELD)
"""The terms of the generator's loss, by the names of their weights in the config."""

DISCRIMINATOR_METRICS = (
    "loss/discriminator",
    "loss/r1",
    "accuracy/real",
    "accuracy/completed",
    "grad_norm/discriminator",
)


@dataclass(frozen=True, kw_only=True)
class Lama:
    """Starts and updates the generator and the discriminator, and completes with the former.

    Updates run per device, inside shard_map.

    Attributes:
      generator: makes a Generator, given `train`.
      discriminator: makes a Discriminator, given `train`.
      optimizers: the rules by which the two move, by GENERATOR and DISCRIMINATOR.
      weights: of the generator's terms that are on, by their names in TERMS.
      features: returns a fixed network's features of pictures, for FIELD.
      r1: weight of the gradient penalty of the discriminator, gamma.
      average_decay: share of the old average that an update keeps in the moving average of the
        generator, which then completes. 0: no average is kept.
      trained_start: whether training begins with a trained generator, which its average then keeps.
    """

    generator: Callable[..., Any]
    discriminator: Callable[..., Any]
    optimizers: Mapping[str, optax.GradientTransformation]
    weights: Mapping[str, float]
    features: Callable[[Image], Features]
    r1: float
    average_decay: float
    trained_start: bool = False

    @property
    def metrics(self) -> tuple[str, ...]:
        """Returns the names of what an update reports."""
        terms = tuple(f"loss/{name}" for name in self.weights)
        return (*terms, "grad_norm/completion", *DISCRIMINATOR_METRICS)

    @property
    def completing(self) -> str:
        """Returns the name of the network that completes."""
        return AVERAGE if self.average_decay else GENERATOR

    def init(self, key: PRNGKeyArray) -> TrainState:
        """Returns random networks with their optimizers' states, at step 0."""
        shown = jnp.zeros((1, 2 * SMALLEST, 2 * SMALLEST, 4))
        modules = {GENERATOR: self.generator, DISCRIMINATOR: self.discriminator}
        networks = {
            name: start(
                make(train=False),
                self.optimizers[name],
                jax.random.fold_in(key, number),
                shown if name == GENERATOR else shown[..., :3],
            )
            for number, (name, make) in enumerate(modules.items())
        }
        if self.average_decay:
            networks[AVERAGE] = begin_average(networks[GENERATOR])
        return TrainState(jnp.zeros((), jnp.int32), networks)

    def update(
        self, state: TrainState, batch: Batch, key: PRNGKeyArray
    ) -> tuple[TrainState, Metrics]:
        """Moves both networks, each against the other as it was before.

        One forward pass of the generator serves both.
        """
        del key
        network, judge = state.networks[GENERATOR], state.networks[DISCRIMINATOR]
        image, mask = batch["image"], batch["mask"]
        module = self.generator(train=True)
        output, backward, stats = jax.vjp(
            lambda params: run_in_training(
                module, params, network.batch_stats, generator_input(image, mask)
            ),
            network.params,
            has_aux=True,
        )
        # The generator moves.
        cotangent, metrics = self._generator_cotangent(judge, batch, output)
        (gradients,) = backward(cotangent)
        metrics["grad_norm/completion"] = optax.tree.norm(gradients)
        moved = {GENERATOR: descend(self.optimizers[GENERATOR], network, gradients, stats)}
        if self.average_decay:
            average, step = state.networks[AVERAGE], None if self.trained_start else state.step
            moved[AVERAGE] = follow(average, moved[GENERATOR], self.average_decay, step)
        # The discriminator moves.
        gradients, stats, of_judge = self._judge_gradients(judge, batch, output)
        of_judge["grad_norm/discriminator"] = optax.tree.norm(gradients)
        moved[DISCRIMINATOR] = descend(self.optimizers[DISCRIMINATOR], judge, gradients, stats)
        return state.replace(networks=moved), metrics | of_judge

    def _generator_cotangent(
        self, judge: NetworkState, batch: Batch, output: Image
    ) -> tuple[Image, Metrics]:
        """Returns the gradient of the generator's loss in its output, and the loss's terms."""
        image, mask = batch["image"], batch["mask"]
        _, seen, _ = self._judge(judge.params, judge.batch_stats, image)

        def loss(output):
            logits, features, _ = self._judge(judge.params, judge.batch_stats, output)
            terms = {
                KNOWN: known_loss(output, image, mask),
                ADVERSARIAL: non_saturating_loss(logits),
                MATCHING: feature_matching_loss(features, seen),
            }
            if FIELD in self.weights:
                pair = self.features(output), self.features(image)
                terms[FIELD] = receptive_field_loss(*pair)
            terms = {name: device_mean(terms[name]) for name in self.weights}
            total = sum(self.weights[name] * term for name, term in terms.items())
            return total, {f"loss/{name}": term for name, term in terms.items()}

        return jax.grad(loss, has_aux=True)(output)

    def _judge_gradients(self, judge: NetworkState, batch: Batch, output: Image):
        """Returns the discriminator's gradients, statistics and metrics.

        Uncut and completed pictures are normalised by their own statistics each.
        """
        output, mask = lax.stop_gradient(output), batch["mask"]

        def loss(params):
            params = used_often(params)

            def judged(image):
                logits, _, stats = self._judge(params, judge.batch_stats, image)
                return logits, stats

            real, slope, stats = jax.vjp(judged, batch["image"], has_aux=True)
            (slope,) = slope(jnp.ones_like(real))
            r1 = device_mean(jnp.mean(jnp.sum(jnp.square(slope), axis=(1, 2, 3))))
            completed, _, stats = self._judge(params, stats, output)
            value = device_mean(patches_loss(real, completed, mask))
            hole = nearest(mask, completed.shape[1:3])
            right = device_mean(jnp.mean(hole * (completed < 0)))
            metrics = {
                "loss/discriminator": value,
                "loss/r1": r1,
                "accuracy/real": device_mean(jnp.mean(real > 0)),
                "accuracy/completed": right / jnp.maximum(device_mean(jnp.mean(hole)), 1e-6),
            }
            return value + self.r1 * r1, (stats, metrics)

        gradients, (stats, metrics) = jax.grad(loss, has_aux=True)(judge.params)
        return gradients, stats, metrics

    def _judge(self, params, batch_stats, image: Image) -> tuple[Array, list[Array], Any]:
        """Returns the discriminator's logits and features, and its running statistics after it."""
        module = self.discriminator(train=True)
        (logits, features), stats = run_in_training(module, params, batch_stats, image)
        return logits, features, stats

    def previews(
        self, state: TrainState, image: Image, mask: Mask, key: PRNGKeyArray
    ) -> dict[str, Image]:
        """Returns the generator's raw output and the completed pictures; any size will do."""
        del key
        network, module = state.networks[self.completing], self.generator(train=False)
        return complete_any_size(module.width, module.blocks, network, image, mask, module.dtype)

    def refine(
        self, state: TrainState, image: Image, mask: Mask, key: PRNGKeyArray, shortest: int | None
    ) -> Image:
        """Returns the completed pictures, refined over scales (`complete_refined`)."""
        del key
        network, module = state.networks[self.completing], self.generator(train=False)
        return complete_refined(module.width, module.blocks, network, image, mask, shortest)
