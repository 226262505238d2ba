"""Updates GLCIC's networks in its three phases (Iizuka et al. 2017, algorithm 1)."""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import optax
from jax import lax
from jaxtyping import Array, Float, PRNGKeyArray

from glcic_jax.layers.ops import composite
from glcic_jax.methods.glcic.judging import Judging
from glcic_jax.methods.glcic.networks import AVERAGE
from glcic_jax.methods.glcic.parts import over_parts
from glcic_jax.methods.glcic.reconstruction import Reconstruction
from glcic_jax.methods.network_state import descend, device_mean, follow
from glcic_jax.runtime.devices import DATA
from glcic_jax.types import Batch, Image, Metrics, NetworkState, TrainState

TERM_NORMS = ("grad_norm/reconstruction", "grad_norm/adversarial")
"""Norms of the gradients of the two terms of C's loss in phase 3, without alpha, in C's output: the
gradients in C's parameters follow from these by one linear map, C's backward pass, which would have
to run twice to give two norms."""

BALANCED = "balanced"
"""The `adversarial.weight` that is chosen anew in each update: the ratio of TERM_NORMS."""


@dataclass(frozen=True, kw_only=True)
class Glcic(Judging):
    """Updates C and D in the three phases, per device, inside shard_map.

    Attributes:
      reconstruction: C's first term: eq. (2), if nothing else is chosen.
      adversarial_loss: C's second term, from D's logits of completed pictures.
      adversarial_weight: alpha of eqs. (4) and (5), or BALANCED.
      accumulate: parts that each device's share of a batch is split into. They are worked through
        one after the other, which needs less memory. Gradients are the parts' mean. Batch norm sees
        one part at a time, and its running statistics move once per part. A balanced alpha is each
        part's own.
    """

    reconstruction: Reconstruction
    adversarial_loss: Callable[[Float[Array, "b"]], Float[Array, ""]]
    adversarial_weight: float | str
    accumulate: int = 1

    @property
    def completion_metrics(self) -> tuple[str, ...]:
        """Returns the names of the metrics of phase 1."""
        return (*self.reconstruction.metrics, "grad_norm/completion")

    @property
    def joint_metrics(self) -> tuple[str, ...]:
        """Returns the names of the metrics of phase 3."""
        of_completion = (*self.completion_metrics, "loss/adversarial", *TERM_NORMS)
        return (*of_completion, *self.discriminator_metrics)

    # Phase 1 -------------------------------------------------------------------------------------

    def update_completion(
        self, state: TrainState, batch: Batch, key: PRNGKeyArray
    ) -> tuple[TrainState, Metrics]:
        """Moves C by eq. (2), or by what stands in its place."""
        del key
        network = state.networks["completion"]

        def part(stats, batch):
            def loss(params):
                output, changed = self.fill(params, stats, batch, train=True)
                value, metrics = self.reconstruction(output, batch["image"], batch["mask"])
                return value, (changed, metrics)

            gradients, (changed, metrics) = jax.grad(loss, has_aux=True)(network.params)
            return changed, (gradients, metrics)

        stats, (gradients, metrics) = over_parts(part, network.batch_stats, batch, self.accumulate)
        return self._move_completion(state, gradients, stats, metrics)

    # Phase 2 -------------------------------------------------------------------------------------

    def update_discriminator(
        self, state: TrainState, batch: Batch, key: PRNGKeyArray
    ) -> tuple[TrainState, Metrics]:
        """Moves D. C is fixed, its statistics too: it runs in inference mode."""
        del key
        network, discriminator = state.networks["completion"], state.networks["discriminator"]

        def part(stats, batch):
            output, _ = self.fill(network.params, network.batch_stats, batch, train=False)
            return self.discriminator_gradients(discriminator.params, stats, batch, output)

        stats, (gradients, metrics) = over_parts(
            part, discriminator.batch_stats, batch, self.accumulate
        )
        return self.move_discriminator(state, gradients, stats, metrics)

    # Phase 3 -------------------------------------------------------------------------------------

    def update_joint(
        self, state: TrainState, batch: Batch, key: PRNGKeyArray
    ) -> tuple[TrainState, Metrics]:
        """Moves D first, then C against the updated D, on the same batch and the same masks.

        One forward pass of C serves both: D's step does not change it.
        """
        if self.accumulate > 1:
            return self._update_joint_in_parts(state, batch)
        del key
        network, discriminator = state.networks["completion"], state.networks["discriminator"]
        output, backward, stats = jax.vjp(
            lambda params: self.fill(params, network.batch_stats, batch, train=True),
            network.params,
            has_aux=True,
        )
        # D moves.
        judge_stats, (gradients, metrics) = self.discriminator_gradients(
            discriminator.params, discriminator.batch_stats, batch, output
        )
        state, judge_metrics = self.move_discriminator(state, gradients, judge_stats, metrics)
        # C moves against the updated D.
        judge = state.networks["discriminator"]
        cotangent, metrics = self._completion_cotangent(judge, batch, output)
        (gradients,) = backward(cotangent)
        state, metrics = self._move_completion(state, gradients, stats, metrics)
        return state, judge_metrics | _with_roots(metrics)

    def _update_joint_in_parts(self, state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        """Does the same with two forward passes of C: D must see all parts before C moves."""
        network, discriminator = state.networks["completion"], state.networks["discriminator"]

        # D moves, by all parts.
        def judge_part(stats, batch):
            output, completion_stats = self.fill(network.params, stats[0], batch, train=True)
            judge_stats, values = self.discriminator_gradients(
                discriminator.params, stats[1], batch, output
            )
            return (completion_stats, judge_stats), values

        stats = network.batch_stats, discriminator.batch_stats
        stats, (gradients, metrics) = over_parts(judge_part, stats, batch, self.accumulate)
        completion_stats, judge_stats = stats
        state, judge_metrics = self.move_discriminator(state, gradients, judge_stats, metrics)
        judge = state.networks["discriminator"]

        # C moves against the updated D, by all parts again.
        def completion_part(no_stats, batch):
            output, backward, _ = jax.vjp(
                lambda params: self.fill(params, network.batch_stats, batch, train=True),
                network.params,
                has_aux=True,
            )
            cotangent, metrics = self._completion_cotangent(judge, batch, output)
            (gradients,) = backward(cotangent)
            return no_stats, (gradients, metrics)

        _, (gradients, metrics) = over_parts(completion_part, (), batch, self.accumulate)
        state, metrics = self._move_completion(state, gradients, completion_stats, metrics)
        return state, judge_metrics | _with_roots(metrics)

    # What the phases share -----------------------------------------------------------------------

    def _completion_cotangent(
        self, discriminator: NetworkState, batch: Batch, output: Image
    ) -> tuple[Image, Metrics]:
        """Returns the gradient of C's loss in C's output, by eq. (5), and C's metrics.

        Under TERM_NORMS are the norms' squares; those of parts of a batch can be averaged.
        """

        def reconstruction(output):
            return self.reconstruction(output, batch["image"], batch["mask"])

        def adversarial(output):
            # D normalises by this batch's statistics. Its new running statistics are dropped: only
            # its own update may change it.
            completed = composite(batch["image"], output, batch["mask"])
            logits, _ = self.judge(
                discriminator.params, discriminator.batch_stats, completed, batch["mask"]
            )
            return device_mean(self.adversarial_loss(logits))

        slope, metrics = jax.grad(reconstruction, has_aux=True)(output)
        judged, of_judged = jax.value_and_grad(adversarial)(output)
        squares = [lax.psum(jnp.sum(jnp.square(g)), DATA) for g in (slope, of_judged)]
        alpha = self.adversarial_weight
        if alpha == BALANCED:
            alpha = jnp.where(squares[1] > 0, jnp.sqrt(squares[0] / squares[1]), 0)
        metrics = metrics | {"loss/adversarial": judged}
        for name, square in zip(TERM_NORMS, squares, strict=True):
            metrics[name] = square / self.accumulate
        return slope + alpha * of_judged, metrics

    def _move_completion(
        self, state: TrainState, gradients, batch_stats, metrics: Metrics
    ) -> tuple[TrainState, Metrics]:
        """Moves C, and its moving average if there is one."""
        network = descend(self.optimizer, state.networks["completion"], gradients, batch_stats)
        moved = {"completion": network}
        if self.average_decay:
            step = None if self.trained_start else state.step
            moved[AVERAGE] = follow(state.networks[AVERAGE], network, self.average_decay, step)
        metrics = metrics | {"grad_norm/completion": optax.tree.norm(gradients)}
        return state.replace(networks=state.networks | moved), metrics


def _with_roots(metrics: Metrics) -> Metrics:
    """Returns metrics with norms in place of their squares."""
    return metrics | {name: jnp.sqrt(metrics[name]) for name in TERM_NORMS}
