"""Starts and runs GLCIC's networks, and completes with them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, PRNGKeyArray

from glcic_jax.layers.ops import crop_patches, patch_corner
from glcic_jax.layers.smooth_fill import smooth_fill
from glcic_jax.layers.tiles import Extent
from glcic_jax.layers.torch_layers import CONVOLVED
from glcic_jax.methods.completion import fill_any_size
from glcic_jax.methods.glcic.completing import View, complete_in_tiles, reach_and_alignment
from glcic_jax.methods.glcic.completion_network import CompletionNetwork
from glcic_jax.methods.glcic.discriminators import SPECTRAL, ContextDiscriminator
from glcic_jax.methods.glcic.table2 import Form
from glcic_jax.methods.network_state import begin_average, run_in_training, start
from glcic_jax.methods.spectral_norm import first_vectors, spectrally_normal
from glcic_jax.types import Batch, Image, Mask, TrainState

AVERAGE = "completion_average"
"""Name of the moving average of C, where there is one."""


@dataclass(frozen=True, kw_only=True)
class GlcicNetworks:
    """Starts and runs the completion network C and the discriminator D.

    Training runs per device, inside shard_map.

    Attributes:
      completion: makes a CompletionNetwork, given `train`.
      discriminator: makes a ContextDiscriminator, given `train`. None: training is by MSE alone.
      crop: edge in pixels of the pictures that D's global side sees.
      local_patch: edge in pixels of the patches that D's local side sees.
      optimizer: the rule by which C moves.
      judge_optimizer: the rule by which D moves.
      mean_pixel: RGB in [0, 1] that the hole is filled with before C sees it.
      scale, fill_pixel: as in `completion_input`, for networks trained elsewhere.
      average_decay: share of the old average that an update keeps in the moving average of C,
        which then completes. 0: no average is kept, and C itself completes.
      trained_start: whether training begins with a trained C, which its average then keeps.
      remat: keeps only the convolutions' outputs for the backward pass and computes normalised and
        rectified activations again. This saves memory and costs little arithmetic.
    """

    completion: Callable[..., CompletionNetwork]
    discriminator: Callable[..., ContextDiscriminator] | None
    crop: int
    local_patch: int
    optimizer: optax.GradientTransformation
    judge_optimizer: optax.GradientTransformation
    mean_pixel: tuple[float, float, float]
    scale: float = 1.0
    fill_pixel: tuple[float, float, float] = (0.0, 0.0, 0.0)
    average_decay: float = 0.0
    trained_start: bool = False
    remat: bool = False

    def init(self, key: PRNGKeyArray) -> TrainState:
        """Returns random networks with their optimizers' states, at step 0."""
        networks = {
            "completion": start(
                self.completion(train=False),
                self.optimizer,
                jax.random.fold_in(key, 0),
                jnp.zeros((1, 64, 64, 4)),
            )
        }
        if self.average_decay:
            networks[AVERAGE] = begin_average(networks["completion"])
        if self.discriminator is not None:
            judge = start(
                self.discriminator(train=False),
                self.judge_optimizer,
                jax.random.fold_in(key, 1),
                jnp.zeros((1, self.crop, self.crop, 3)),
                jnp.zeros((1, self.local_patch, self.local_patch, 3)),
            )
            if self.spectral:
                vectors = first_vectors(judge.params, jax.random.fold_in(key, 2))
                judge = judge.replace(batch_stats=vectors)
            networks["discriminator"] = judge
        return TrainState(step=jnp.zeros((), jnp.int32), networks=networks)

    def fill(self, params, batch_stats, batch: Batch, *, train: bool) -> tuple[Image, Any]:
        """Returns C's raw output, and its running statistics after it."""
        image, mask = batch.get("given", batch["image"]), batch["mask"]
        module = self.completion(train=train)
        filled = smooth_fill(image, mask) if self.form.adds else None
        output, stats = self._apply(module, params, batch_stats, self.view(image, mask, filled))
        return output if filled is None else filled + output, stats

    def judge(self, params, batch_stats, image: Image, mask: Mask) -> tuple[Array, Any]:
        """Returns D's logits, and its running statistics after them.

        Args:
          params: D's parameters.
          batch_stats: D's running statistics.
          image: what D's global side sees.
          mask: 1 = hole. D's local side sees the patches around the holes.
        """
        assert self.discriminator is not None
        patch = crop_patches(image, patch_corner(mask, self.local_patch), self.local_patch)
        module = self.discriminator(train=True)
        if self.spectral:
            params, vectors = spectrally_normal(params, batch_stats)
            return self._apply(module, params, {}, image, patch)[0], vectors
        return self._apply(module, params, batch_stats, image, patch)

    def _apply(self, module, params, batch_stats, *inputs: Array) -> tuple[Array, Any]:
        """Returns a network's output and running statistics, the same on all devices."""
        if not module.train:
            return module.apply(
                {"params": params, "batch_stats": batch_stats}, *inputs
            ), batch_stats
        run = partial(run_in_training, module)
        if self.remat:
            policy = jax.checkpoint_policies.save_only_these_names(CONVOLVED)
            run = jax.checkpoint(run, policy=policy)
        return run(params, batch_stats, *inputs)

    def previews(
        self, state: TrainState, image: Image, mask: Mask, key: PRNGKeyArray
    ) -> dict[str, Image]:
        """Returns C's raw output and the completed pictures."""
        del key
        network = state.networks[AVERAGE if self.average_decay else "completion"]

        def fill(image, mask):
            batch = {"image": image, "mask": mask}
            output, _ = self.fill(network.params, network.batch_stats, batch, train=False)
            return output

        return fill_any_size(fill, image, mask, CompletionNetwork.stride)

    def complete_within(
        self, state: TrainState, image: Image, mask: Mask, key: PRNGKeyArray, extent: Extent
    ) -> Image:
        """Completes one picture at the top left of larger arrays, as Method explains."""
        del key
        network = state.networks[AVERAGE if self.average_decay else "completion"]
        return complete_in_tiles(self.form, self.view, network, image, mask, extent)

    @property
    def spectral(self) -> bool:
        """Returns whether D's kernels are divided by their largest singular values."""
        return self.discriminator is not None and self.discriminator(train=True).norm == SPECTRAL

    @property
    def view(self) -> View:
        """Returns what makes C's input."""
        return View(self.mean_pixel, self.scale, self.fill_pixel)

    @property
    def form(self) -> Form:
        """Returns what describes C."""
        return self.completion(train=False).form

    @property
    def reach(self) -> int:
        """Returns the field of Method of this name."""
        return reach_and_alignment(self.form)[0]

    @property
    def alignment(self) -> int:
        """Returns the field of Method of this name."""
        return reach_and_alignment(self.form)[1]
