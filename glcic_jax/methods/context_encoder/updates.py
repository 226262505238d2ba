"""The update of a context encoder (Pathak et al. 2016), and completion with it."""

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
from glcic_jax.runtime.devices import DATA
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
class Encoder:
    """The networks at work. Updates run per device, inside shard_map.

    Attributes:
      networks: "completion" and "discriminator", each made with `train`.
      optimizers: of the same names.
      mean_pixel: RGB in [0, 1] that holes are painted with.
      crop: edge in pixels of what the completion network takes.
      predicted: edge of the middle square that it predicts.
      hidden: edge of the middle square that is always painted over; 0 = the hole alone is.
      known_weight: of known pixels among the predicted ones, in L2; the hole's weigh 1.
      adversarial_weight: lambda_adv; L2 has the rest to 1.
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
        """Fresh networks and optimizer states, at step 0."""
        states = {}
        for number, (name, edge) in enumerate(
            (("completion", self.crop), ("discriminator", self.predicted))
        ):
            module = self.networks[name](train=False)
            variables = jax.jit(module.init)(
                jax.random.fold_in(key, number), jnp.zeros((1, edge, edge, 3))
            )
            params = variables["params"]
            opt_state = self.optimizers[name].init(params)
            states[name] = NetworkState(params, variables["batch_stats"], opt_state)
        return TrainState(jnp.zeros((), jnp.int32), states)

    def update(
        self, state: TrainState, batch: Batch, key: PRNGKeyArray
    ) -> tuple[TrainState, Metrics]:
        """D moves first, then C against the updated D, on the same pictures."""
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
        gradients, judged, told = self._discriminator_gradients(judge, truth, output)
        judge = self._descend("discriminator", judge, gradients, judged)
        told["grad_norm/discriminator"] = optax.tree.norm(gradients)

        def loss(output):
            weights = jnp.where(hole > 0, 1.0, self.known_weight)
            l2 = _mean(jnp.mean(weights * jnp.square(output - truth)))
            logits, _ = self._run("discriminator", judge.params, judge.batch_stats, output)
            adversarial = _mean(non_saturating_loss(logits))
            total = (1 - self.adversarial_weight) * l2 + self.adversarial_weight * adversarial
            return total, {"loss/l2": l2, "loss/adversarial": adversarial}

        (_, metrics), cotangent = jax.value_and_grad(loss, has_aux=True)(output)
        (gradients,) = backward(cotangent)
        network = self._descend("completion", network, gradients, stats)
        metrics["grad_norm/completion"] = optax.tree.norm(gradients)
        networks = {"completion": network, "discriminator": judge}
        return state.replace(networks=networks), metrics | told

    def _discriminator_gradients(self, judge: NetworkState, truth: Array, output: Array):
        """D's gradients, statistics and metrics: true squares against predicted ones."""
        output = lax.stop_gradient(output)

        def loss(params):
            params = lax.pcast(params, DATA, to="varying")  # used twice: one exchange, not two
            real, stats = self._run("discriminator", params, judge.batch_stats, truth)
            fake, stats = self._run("discriminator", params, stats, output)
            metrics = {
                "accuracy/real": _mean(jnp.mean(real > 0)),
                "accuracy/completed": _mean(jnp.mean(fake < 0)),
            }
            return _mean(discriminator_loss(real, fake)), (stats, metrics)

        (value, (stats, metrics)), gradients = jax.value_and_grad(loss, has_aux=True)(judge.params)
        return gradients, stats, metrics | {"loss/discriminator": value}

    def _run(self, name: str, params, batch_stats, x: Array) -> tuple[Array, Any]:
        """A network while training; the statistics it returns are the same on all devices."""
        module = self.networks[name](train=True)
        variables = {"params": params, "batch_stats": batch_stats}
        output, changed = module.apply(variables, x, mutable=["batch_stats"])
        stats = changed["batch_stats"]
        return output, stats if module.axis_name else lax.pmean(stats, DATA)

    def _descend(self, name: str, network: NetworkState, gradients, stats) -> NetworkState:
        updates, opt_state = self.optimizers[name].update(
            gradients, network.opt_state, network.params
        )
        return NetworkState(optax.apply_updates(network.params, updates), stats, opt_state)

    # Where the networks look ---------------------------------------------------------------------

    def _middle(self, x: Float[Array, "b s s c"]) -> Float[Array, "b p p c"]:
        """The square that is predicted."""
        first = (self.crop - self.predicted) // 2
        return x[:, first : first + self.predicted, first : first + self.predicted]

    def _paint(self, image: Image, mask: Mask) -> Image:
        """What C sees, in [-1, 1]: holes, and what is always hidden, in the mean colour."""
        first = (self.crop - self.hidden) // 2
        inside = slice(first, first + self.hidden)
        mask = mask.at[:, inside, inside].set(1)
        return 2 * jnp.where(mask > 0, jnp.asarray(self.mean_pixel, image.dtype), image) - 1

    def complete(self, state: TrainState, image: Image, mask: Mask, key: PRNGKeyArray) -> Image:
        """Fills the holes of `crop` x `crop` pictures; known pixels are returned as they came.

        Holes outside of the predicted square become the mean colour.
        """
        return self.previews(state, image, mask, key)["completed"]

    def previews(
        self, state: TrainState, image: Image, mask: Mask, key: PRNGKeyArray
    ) -> dict[str, Image]:
        """C's prediction in its place, and the completed picture."""
        del key
        network, seen = state.networks["completion"], self._paint(image, mask)
        variables = {"params": network.params, "batch_stats": network.batch_stats}
        output = self.networks["completion"](train=False).apply(variables, seen)
        first = (self.crop - self.predicted) // 2
        output = (lax.dynamic_update_slice(seen, output, (0, first, first, 0)) + 1) / 2
        return {"raw output": output, "completed": composite(image, output, mask)}


def _mean(value: Float[Array, ""]) -> Float[Array, ""]:
    """Over the devices, inside the differentiated function: so gradients are synchronised."""
    return lax.pmean(value, DATA)
