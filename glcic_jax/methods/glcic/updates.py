"""The updates of GLCIC's three phases (Iizuka et al. 2017, algorithm 1)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import lax
from jaxtyping import Array, Float, PRNGKeyArray

from glcic_jax.layers.ops import composite
from glcic_jax.methods.glcic.networks import AVERAGE, GlcicNetworks
from glcic_jax.methods.losses import discriminator_loss, masked_mse
from glcic_jax.runtime.devices import DATA
from glcic_jax.types import Batch, Image, Metrics, NetworkState, TrainState

COMPLETION_METRICS = ("loss/mse", "grad_norm/completion")
DISCRIMINATOR_METRICS = (
    "loss/discriminator",
    "accuracy/real",
    "accuracy/completed",
    "grad_norm/discriminator",
)
JOINT_METRICS = (*COMPLETION_METRICS, "loss/adversarial", *DISCRIMINATOR_METRICS)


@dataclass(frozen=True, kw_only=True)
class Glcic(GlcicNetworks):
    """The updates of the three phases. They run per device, inside shard_map.

    Attributes:
      adversarial_loss: from logits of completed pictures to C's second term.
      adversarial_weight: alpha of eq. (3), 4e-4 in the paper.
      accumulate: parts that each device's share of a batch is worked through in, one after the
        other, to need less memory. Gradients are their mean; batch norm sees a part at a time, and
        its running statistics move once per part.
    """

    adversarial_loss: Callable[[Float[Array, "b"]], Float[Array, ""]]
    adversarial_weight: float
    accumulate: int = 1

    # Phase 1 -------------------------------------------------------------------------------------

    def update_completion(
        self, state: TrainState, batch: Batch, key: PRNGKeyArray
    ) -> tuple[TrainState, Metrics]:
        """C moves, by eq. (2)."""
        del key
        network = state.networks["completion"]

        def part(stats, batch):
            def loss(params):
                output, changed = self.fill(params, stats, batch, train=True)
                return _mean(masked_mse(output, batch["image"], batch["mask"])), changed

            (mse, changed), gradients = jax.value_and_grad(loss, has_aux=True)(network.params)
            return changed, (gradients, {"loss/mse": mse})

        stats, (gradients, metrics) = self._over_parts(part, network.batch_stats, batch)
        return self._move_completion(state, gradients, stats, metrics)

    # Phase 2 -------------------------------------------------------------------------------------

    def update_discriminator(
        self, state: TrainState, batch: Batch, key: PRNGKeyArray
    ) -> tuple[TrainState, Metrics]:
        """D moves. C is fixed, its statistics too: it runs in inference mode."""
        del key
        network, discriminator = state.networks["completion"], state.networks["discriminator"]

        def part(stats, batch):
            output, _ = self.fill(network.params, network.batch_stats, batch, train=False)
            return self._discriminator_gradients(discriminator.params, stats, batch, output)

        stats, told = self._over_parts(part, discriminator.batch_stats, batch)
        return self._move_discriminator(state, stats, *told)

    # Phase 3 -------------------------------------------------------------------------------------

    def update_joint(
        self, state: TrainState, batch: Batch, key: PRNGKeyArray
    ) -> tuple[TrainState, Metrics]:
        """D moves first, then C against the updated D, on the same batch and the same masks.

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
        judged, told = self._discriminator_gradients(
            discriminator.params, discriminator.batch_stats, batch, output
        )
        state, of_discriminator = self._move_discriminator(state, judged, *told)
        moved = state.networks["discriminator"]
        (_, metrics), cotangent = jax.value_and_grad(
            lambda output: self._completion_loss(moved, batch, output), has_aux=True
        )(output)
        (gradients,) = backward(cotangent)
        state, of_completion = self._move_completion(state, gradients, stats, metrics)
        return state, of_discriminator | of_completion

    def _update_joint_in_parts(self, state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        """The same with C's forward pass made twice: D must have seen all parts before C moves."""
        network, discriminator = state.networks["completion"], state.networks["discriminator"]

        def judge(stats, batch):
            output, filled = self.fill(network.params, stats[0], batch, train=True)
            judged, told = self._discriminator_gradients(
                discriminator.params, stats[1], batch, output
            )
            return (filled, judged), told

        stats = network.batch_stats, discriminator.batch_stats
        (stats, judged), told = self._over_parts(judge, stats, batch)
        state, of_discriminator = self._move_discriminator(state, judged, *told)
        moved = state.networks["discriminator"]

        def fill(nothing, batch):
            def loss(params):
                output, _ = self.fill(params, network.batch_stats, batch, train=True)
                return self._completion_loss(moved, batch, output)

            (_, metrics), gradients = jax.value_and_grad(loss, has_aux=True)(network.params)
            return nothing, (gradients, metrics)

        _, (gradients, metrics) = self._over_parts(fill, (), batch)
        state, of_completion = self._move_completion(state, gradients, stats, metrics)
        return state, of_discriminator | of_completion

    # What the phases share -----------------------------------------------------------------------

    def _discriminator_gradients(self, params, batch_stats, batch: Batch, output: Image):
        """D's statistics, gradients and metrics: uncut pictures around M_d, completed around M_c.

        Real and completed pictures are normalised apart, each with its own batch statistics.
        """
        completed = composite(batch["image"], lax.stop_gradient(output), batch["mask"])

        def loss(params):
            # Used twice: marked as each device's own once, so that devices exchange one sum of
            # both gradients, not two.
            params = lax.pcast(params, DATA, to="varying")
            real, stats = self.judge(params, batch_stats, batch["image"], batch["other_mask"])
            fake, stats = self.judge(params, stats, completed, batch["mask"])
            return _mean(discriminator_loss(real, fake)), (stats, real, fake)

        (value, (stats, real, fake)), gradients = jax.value_and_grad(loss, has_aux=True)(params)
        return stats, (
            gradients,
            {
                "loss/discriminator": value,
                "accuracy/real": _mean(jnp.mean(real > 0)),
                "accuracy/completed": _mean(jnp.mean(fake < 0)),
            },
        )

    def _completion_loss(
        self, discriminator: NetworkState, batch: Batch, output: Image
    ) -> tuple[Float[Array, ""], Metrics]:
        """Eq. (3): reconstruction, and what D says of the completed pictures."""
        # D normalises with this batch's statistics; what it would remember of them is dropped.
        logits, _ = self.judge(
            discriminator.params,
            discriminator.batch_stats,
            composite(batch["image"], output, batch["mask"]),
            batch["mask"],
        )
        mse = _mean(masked_mse(output, batch["image"], batch["mask"]))
        adversarial = _mean(self.adversarial_loss(logits))
        metrics = {"loss/mse": mse, "loss/adversarial": adversarial}
        return mse + self.adversarial_weight * adversarial, metrics

    def _over_parts(self, function, stats, batch: Batch) -> tuple[Any, Any]:
        """`function(stats, part)` for one part of the batch after the other.

        Returns:
          The last statistics, and the mean of what else the function returns.
        """
        if self.accumulate == 1:
            return function(stats, batch)
        count = self.accumulate
        parts = {name: x.reshape(count, -1, *x.shape[1:]) for name, x in batch.items()}
        first = jax.tree.map(lambda x: x[0], parts)
        shapes = jax.eval_shape(function, stats, first)[1]
        zeros = jax.tree.map(lambda shape: jnp.zeros(shape.shape, shape.dtype), shapes)

        def add(carry, part):
            stats, values = function(carry[0], part)
            return (stats, jax.tree.map(lambda a, b: a + b / count, carry[1], values)), None

        return lax.scan(add, (stats, zeros), parts)[0]

    def _move_completion(
        self, state: TrainState, gradients, batch_stats, metrics: Metrics
    ) -> tuple[TrainState, Metrics]:
        network = self._descend(state.networks["completion"], gradients, batch_stats)
        moved = {"completion": network}
        if self.average_decay:
            moved[AVERAGE] = jax.tree.map(
                lambda old, new: self.average_decay * old + (1 - self.average_decay) * new,
                state.networks[AVERAGE],
                network.replace(opt_state=()),
            )
        metrics = metrics | {"grad_norm/completion": optax.tree.norm(gradients)}
        return state.replace(networks=state.networks | moved), metrics

    def _move_discriminator(
        self, state: TrainState, batch_stats, gradients, metrics: Metrics
    ) -> tuple[TrainState, Metrics]:
        network = self._descend(state.networks["discriminator"], gradients, batch_stats)
        metrics = metrics | {"grad_norm/discriminator": optax.tree.norm(gradients)}
        return state.replace(networks=state.networks | {"discriminator": network}), metrics

    def _descend(self, network: NetworkState, gradients, batch_stats) -> NetworkState:
        updates, opt_state = self.optimizer.update(gradients, network.opt_state, network.params)
        return NetworkState(optax.apply_updates(network.params, updates), batch_stats, opt_state)


def _mean(value: Float[Array, ""]) -> Float[Array, ""]:
    """The mean over the devices, taken inside the differentiated function.

    So the gradients of replicated parameters come out synchronised, and no larger on more devices.
    """
    return lax.pmean(value, DATA)
