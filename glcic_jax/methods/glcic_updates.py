"""The updates of GLCIC's three phases (Iizuka et al. 2017, algorithm 1), and its inference."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import lax
from jaxtyping import Array, Float, PRNGKeyArray

from glcic_jax.losses import discriminator_loss, masked_mse
from glcic_jax.networks.completion import STRIDE, CompletionNetwork, completion_input
from glcic_jax.networks.discriminators import ContextDiscriminator
from glcic_jax.ops import composite, crop_patches, pad_to_multiple, patch_corner
from glcic_jax.parallel import DATA
from glcic_jax.types import Batch, Image, Mask, Metrics, NetworkState, TrainState

AVERAGE = "completion_average"
"""Name of the moving average of C, where there is one."""

COMPLETION_METRICS = ("loss/mse", "grad_norm/completion")
DISCRIMINATOR_METRICS = (
    "loss/discriminator",
    "accuracy/real",
    "accuracy/completed",
    "grad_norm/discriminator",
)
JOINT_METRICS = (*COMPLETION_METRICS, "loss/adversarial", *DISCRIMINATOR_METRICS)


@dataclass(frozen=True)
class Glcic:
    """The updates of the three phases. They run per device, inside shard_map.

    Attributes:
      completion: makes a CompletionNetwork, given `train`.
      discriminator: makes a ContextDiscriminator, given `train`; None to train by MSE alone.
      crop, local_patch: edges in pixels of what the two sides of D see.
      adversarial_loss: from logits of completed pictures to C's second term.
      adversarial_weight: alpha of eq. (3), 4e-4 in the paper.
      optimizer: one rule, and one state per network.
      mean_pixel: RGB in [0, 1] that the hole is filled with before C sees it.
      average_decay: of the moving average of C that completes; 0 to complete with C itself.
    """

    completion: Callable[..., CompletionNetwork]
    discriminator: Callable[..., ContextDiscriminator] | None
    crop: int
    local_patch: int
    adversarial_loss: Callable[[Float[Array, "b"]], Float[Array, ""]]
    adversarial_weight: float
    optimizer: optax.GradientTransformation
    mean_pixel: tuple[float, float, float]
    average_decay: float = 0.0

    def init(self, key: PRNGKeyArray) -> TrainState:
        """Fresh networks and optimizer states, at step 0."""
        networks = {
            "completion": self._start(
                self.completion(train=False), jax.random.fold_in(key, 0), jnp.zeros((1, 64, 64, 4))
            )
        }
        if self.average_decay:
            copied = jax.tree.map(jnp.copy, networks["completion"])  # both are donated
            networks[AVERAGE] = copied.replace(opt_state=())
        if self.discriminator is not None:
            networks["discriminator"] = self._start(
                self.discriminator(train=False),
                jax.random.fold_in(key, 1),
                jnp.zeros((1, self.crop, self.crop, 3)),
                jnp.zeros((1, self.local_patch, self.local_patch, 3)),
            )
        return TrainState(step=jnp.zeros((), jnp.int32), networks=networks)

    def _start(self, module, key: PRNGKeyArray, *inputs: Array) -> NetworkState:
        variables = jax.jit(module.init)(key, *inputs)
        params = variables["params"]
        return NetworkState(params, variables["batch_stats"], self.optimizer.init(params))

    # Phase 1 -------------------------------------------------------------------------------------

    def update_completion(
        self, state: TrainState, batch: Batch, key: PRNGKeyArray
    ) -> tuple[TrainState, Metrics]:
        """C moves, by eq. (2)."""
        del key
        network = state.networks["completion"]

        def loss(params):
            output, stats = self._fill(params, network.batch_stats, batch, train=True)
            return _mean(masked_mse(output, batch["image"], batch["mask"])), stats

        (mse, stats), gradients = jax.value_and_grad(loss, has_aux=True)(network.params)
        state = self._move_completion(state, gradients, stats)
        return state, {"loss/mse": mse, "grad_norm/completion": optax.tree.norm(gradients)}

    # Phase 2 -------------------------------------------------------------------------------------

    def update_discriminator(
        self, state: TrainState, batch: Batch, key: PRNGKeyArray
    ) -> tuple[TrainState, Metrics]:
        """D moves. C is fixed, its statistics too: it runs in inference mode."""
        del key
        network = state.networks["completion"]
        output, _ = self._fill(network.params, network.batch_stats, batch, train=False)
        discriminator, metrics = self._train_discriminator(state, batch, output)
        return _with(state, discriminator=discriminator), metrics

    # Phase 3 -------------------------------------------------------------------------------------

    def update_joint(
        self, state: TrainState, batch: Batch, key: PRNGKeyArray
    ) -> tuple[TrainState, Metrics]:
        """D moves first, then C against the updated D, on the same batch and the same masks.

        One forward pass of C serves both: D's step does not change it.
        """
        del key
        network = state.networks["completion"]
        output, backward, stats = jax.vjp(
            lambda params: self._fill(params, network.batch_stats, batch, train=True),
            network.params,
            has_aux=True,
        )
        discriminator, metrics = self._train_discriminator(state, batch, output)

        def loss(output):
            # D normalises with this batch's statistics; what it would remember of them is dropped.
            logits, _ = self._judge(
                discriminator.params,
                discriminator.batch_stats,
                composite(batch["image"], output, batch["mask"]),
                batch["mask"],
            )
            mse = _mean(masked_mse(output, batch["image"], batch["mask"]))
            adversarial = _mean(self.adversarial_loss(logits))
            return mse + self.adversarial_weight * adversarial, (mse, adversarial)

        (_, (mse, adversarial)), cotangent = jax.value_and_grad(loss, has_aux=True)(output)
        (gradients,) = backward(cotangent)
        state = self._move_completion(state, gradients, stats)
        return _with(state, discriminator=discriminator), metrics | {
            "loss/mse": mse,
            "loss/adversarial": adversarial,
            "grad_norm/completion": optax.tree.norm(gradients),
        }

    # What the phases share -----------------------------------------------------------------------

    def _train_discriminator(
        self, state: TrainState, batch: Batch, output: Image
    ) -> tuple[NetworkState, Metrics]:
        """One step of D: uncut pictures around a fresh hole M_d against completed ones around M_c.

        Real and completed pictures are normalised apart, each with its own batch statistics.
        """
        network = state.networks["discriminator"]
        completed = composite(batch["image"], lax.stop_gradient(output), batch["mask"])

        def loss(params):
            real, stats = self._judge(
                params, network.batch_stats, batch["image"], batch["other_mask"]
            )
            fake, stats = self._judge(params, stats, completed, batch["mask"])
            return _mean(discriminator_loss(real, fake)), (stats, real, fake)

        (value, (stats, real, fake)), gradients = jax.value_and_grad(loss, has_aux=True)(
            network.params
        )
        return self._descend(network, gradients, stats), {
            "loss/discriminator": value,
            "accuracy/real": _mean(jnp.mean(real > 0)),
            "accuracy/completed": _mean(jnp.mean(fake < 0)),
            "grad_norm/discriminator": optax.tree.norm(gradients),
        }

    def _fill(self, params, batch_stats, batch: Batch, *, train: bool) -> tuple[Image, Any]:
        """C's raw output and its running statistics after it."""
        x = completion_input(batch["image"], batch["mask"], self.mean_pixel)
        return _apply(self.completion(train=train), params, batch_stats, x)

    def _judge(self, params, batch_stats, image: Image, mask: Mask) -> tuple[Array, Any]:
        """D's logits of pictures with local patches around `mask`, and its running statistics."""
        assert self.discriminator is not None
        patch = crop_patches(image, patch_corner(mask, self.local_patch), self.local_patch)
        return _apply(self.discriminator(train=True), params, batch_stats, image, patch)

    def _move_completion(self, state: TrainState, gradients, batch_stats) -> TrainState:
        network = self._descend(state.networks["completion"], gradients, batch_stats)
        state = _with(state, completion=network)
        if not self.average_decay:
            return state
        average = jax.tree.map(
            lambda old, new: self.average_decay * old + (1 - self.average_decay) * new,
            state.networks[AVERAGE],
            network.replace(opt_state=()),
        )
        return _with(state, **{AVERAGE: average})

    def _descend(self, network: NetworkState, gradients, batch_stats) -> NetworkState:
        updates, opt_state = self.optimizer.update(gradients, network.opt_state, network.params)
        return NetworkState(optax.apply_updates(network.params, updates), batch_stats, opt_state)

    # Inference -----------------------------------------------------------------------------------

    def complete(self, state: TrainState, image: Image, mask: Mask, key: PRNGKeyArray) -> Image:
        """Fills the holes; known pixels are returned as they came."""
        return self.previews(state, image, mask, key)["completed"]

    def previews(
        self, state: TrainState, image: Image, mask: Mask, key: PRNGKeyArray
    ) -> dict[str, Image]:
        """C's raw output and the completed picture."""
        del key
        height, width = image.shape[1:3]
        network = state.networks[AVERAGE if self.average_decay else "completion"]
        padded = {"image": pad_to_multiple(image, STRIDE), "mask": pad_to_multiple(mask, STRIDE)}
        output, _ = self._fill(network.params, network.batch_stats, padded, train=False)
        output = output[:, :height, :width]
        return {"raw output": output, "completed": composite(image, output, mask)}


def _apply(module, params, batch_stats, *inputs: Array) -> tuple[Array, Any]:
    """Runs a network; the statistics it returns are the same on all devices."""
    variables = {"params": params, "batch_stats": batch_stats}
    if not module.train:
        return module.apply(variables, *inputs), batch_stats
    output, changed = module.apply(variables, *inputs, mutable=["batch_stats"])
    stats = changed["batch_stats"]
    return output, stats if module.axis_name else lax.pmean(stats, DATA)


def _mean(value: Float[Array, ""]) -> Float[Array, ""]:
    """The mean over the devices, taken inside the differentiated function.

    So the gradients of replicated parameters come out synchronised, and no larger on more devices.
    """
    return lax.pmean(value, DATA)


def _with(state: TrainState, **networks: NetworkState) -> TrainState:
    return state.replace(networks=state.networks | networks)
