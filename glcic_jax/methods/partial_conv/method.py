"""Image Inpainting for Irregular Holes Using Partial Convolutions (Liu et al., ECCV 2018).

A U-Net of partial convolutions is trained by six losses at once, no adversary among them. In the
second stage the encoder's batch norm is frozen: statistics over features with holes in them are not
those of whole pictures. "Freeze the batch normalization parameters" is taken to the letter: running
statistics normalise and stay as they are, and so do scale and bias; some reimplementations go on to
train these two. Adam's moments go on through both stages.

Where the paper is silent: pictures go in, and come out, around the training set's mean pixel, so
that a place that sees nothing known gets that colour; what lies beyond a picture's edge, and the
rows and columns that fill it up to a multiple of 2**levels, are hole. Losses see the network's raw
output; completed pictures are cut off at 0 and 1.

The perceptual and the two style losses need VGG16's weights, which the user brings. Without, these
are off, and the run's header says so. A term of weight 0 is off too: so configs/pconv_cifar10.py
trains by mean absolute error alone, as the project did that this one took the method over from.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import lax
from jaxtyping import Array, Float, PRNGKeyArray
from ml_collections import ConfigDict

from glcic_jax.layers.ops import composite
from glcic_jax.layers.precision import precision
from glcic_jax.methods.partial_conv.losses import (
    hole_loss,
    perceptual_loss,
    style_loss,
    total_variation_loss,
    valid_loss,
)
from glcic_jax.methods.partial_conv.network import ENCODER_NORMS, KERNELS, PartialUNet, reach
from glcic_jax.methods.partial_conv.vgg16 import read_vgg16, vgg16
from glcic_jax.runtime.devices import DATA, split_over_fsdp
from glcic_jax.runtime.errors import UserError
from glcic_jax.types import (
    Batch,
    Image,
    Mask,
    Method,
    Metrics,
    NetworkState,
    Phase,
    TrainState,
)

OF_PIXELS = ("valid", "hole", "tv")
OF_FEATURES = ("perceptual", "style_output", "style_composited")
TERMS = (*OF_PIXELS, *OF_FEATURES)


def build(config: Any, mean_pixel: tuple[float, float, float]) -> Method:
    """Builds the method as `config` (of the fields of configs/pconv_places2.py) describes it.

    Raises:
      UserError: settings that contradict each other.
    """
    config = ConfigDict(config)
    _check(config)
    possible = TERMS if config.perceptual else OF_PIXELS
    weights = {name: config.weights[name] for name in possible if config.weights[name]}
    if not weights:
        raise UserError("no loss is left: set a weight above 0, or perceptual to VGG16's weights")
    needs_features = bool(set(weights) & set(OF_FEATURES))
    read = partial(read_vgg16, Path(config.perceptual))
    adam = partial(optax.adam, b1=config.optimizer.b1, b2=config.optimizer.b2)
    networks = PartialConv(
        network=partial(
            PartialUNet,
            levels=config.levels,
            width=config.width,
            axis_name=DATA if config.sync_batch_norm else None,
            dtype=precision(config.dtype),
        ),
        weights=weights,
        features=lambda image: vgg16(read(), image, precision(config.dtype)),
        mean_pixel=mean_pixel,
        stride=2**config.levels,
    )
    first, second = (
        split_over_fsdp(adam(rate))
        for rate in (config.optimizer.learning_rate, config.optimizer.finetune_rate)
    )
    metrics = (*(f"loss/{name}" for name in weights), "grad_norm/completion")
    return Method(
        init=partial(networks.init, first),
        phases=(
            Phase(
                "initial", config.phases.initial, partial(networks.update, first, False), metrics
            ),
            Phase(
                "finetune", config.phases.finetune, partial(networks.update, second, True), metrics
            ),
        ),
        complete=networks.complete,
        previews=networks.previews,
        networks=("completion",),
        prepare=read if needs_features else lambda: None,
        note=_note(config),
        reach=reach(config.levels),
        alignment=2**config.levels,
    )


def _check(config: Any) -> None:
    """Refuses settings that contradict each other."""
    if not 2 <= config.levels <= len(KERNELS):
        raise UserError(f"levels is {config.levels}: choose 2 to {len(KERNELS)}")
    if config.data.crop % 2**config.levels:
        raise UserError(
            f"a crop of {config.data.crop} pixels cannot be halved {config.levels} times: set "
            f"data.crop to a multiple of {2**config.levels}, or lower levels"
        )
    for name, weight in config.weights.items():
        if not 0 <= weight < float("inf"):
            raise UserError(f"weights.{name} is {weight}: choose a number from 0 on")


def _note(config: Any) -> str:
    """Which of the six losses are on, and why the others are not."""
    zero = [name for name in TERMS if not config.weights[name]]
    without = [name for name in OF_FEATURES if name not in zero and not config.perceptual]
    on = [f"{config.weights[name]:g} {name}" for name in TERMS if name not in zero + without]
    note = f"{len(on)} of 6 losses on: {', '.join(on)}"
    if without:
        note += f"; off, as config.perceptual names no weights of VGG16: {', '.join(without)}"
    return note + (f"; off by weight 0: {', '.join(zero)}" if zero else "")


@dataclass(frozen=True, kw_only=True)
class PartialConv:
    """The network at work. Its updates run per device, inside shard_map.

    Attributes:
      network: makes a PartialUNet, given `train` and `frozen_encoder`.
      weights: of the losses that are on, by name.
      features: what the perceptual and style losses compare, of pictures; called where one is on.
      mean_pixel: RGB in [0, 1] that the network sees as 0.
      stride: the network takes multiples of this, in pixels.
    """

    network: Callable[..., PartialUNet]
    weights: dict[str, float]
    features: Callable[[Image], list[Array]]
    mean_pixel: tuple[float, float, float]
    stride: int

    def init(self, optimizer: optax.GradientTransformation, key: PRNGKeyArray) -> TrainState:
        """A fresh network at step 0; the state of `optimizer` serves both stages."""
        pictures = jnp.zeros((1, self.stride, self.stride, 3))
        variables = jax.jit(self.network(train=False).init)(key, pictures, pictures[..., :1])
        params = variables["params"]
        network = NetworkState(params, variables["batch_stats"], optimizer.init(params))
        return TrainState(step=jnp.zeros((), jnp.int32), networks={"completion": network})

    def update(
        self,
        optimizer: optax.GradientTransformation,
        frozen: bool,
        state: TrainState,
        batch: Batch,
        key: PRNGKeyArray,
    ) -> tuple[TrainState, Metrics]:
        """One step down the weighted sum of the losses; `frozen` as in PartialUNet's encoder."""
        del key
        network = state.networks["completion"]
        module = self.network(train=True, frozen_encoder=frozen)

        def loss(params):
            output, stats = self._run(module, params, network.batch_stats, batch)
            terms = self._terms(output, batch["image"], batch["mask"])
            # The mean over the devices, taken inside: gradients come out synchronised.
            terms = {name: lax.pmean(terms[name], DATA) for name in self.weights}
            return sum(self.weights[name] * terms[name] for name in terms), (stats, terms)

        gradients, (stats, terms) = jax.grad(loss, has_aux=True)(network.params)
        fixed = {n: p for n, p in network.params.items() if frozen and n.startswith(ENCODER_NORMS)}
        gradients = gradients | jax.tree.map(jnp.zeros_like, fixed)
        updates, opt_state = optimizer.update(gradients, network.opt_state, network.params)
        # Put back as they were: Adam's momentum would move them without a gradient too.
        params: Any = optax.apply_updates(network.params, updates)
        params |= fixed
        metrics = {f"loss/{name}": value for name, value in terms.items()}
        metrics["grad_norm/completion"] = optax.tree.norm(gradients)
        moved = {"completion": NetworkState(params, stats, opt_state)}
        return state.replace(networks=state.networks | moved), metrics

    def _run(self, module: PartialUNet, params, batch_stats, batch: Batch) -> tuple[Image, Any]:
        """The raw output, and the running statistics after it, the same on all devices."""
        mean = jnp.asarray(self.mean_pixel, jnp.float32)
        variables = {"params": params, "batch_stats": batch_stats}
        centred = batch["image"] - mean
        if not module.train:
            output: Any = module.apply(variables, centred, batch["mask"])
            return output + mean, batch_stats
        output, changed = module.apply(variables, centred, batch["mask"], mutable=["batch_stats"])
        stats = changed["batch_stats"]
        return output + mean, stats if module.axis_name else lax.pmean(stats, DATA)

    def _terms(self, output: Image, image: Image, mask: Mask) -> dict[str, Float[Array, ""]]:
        """The losses by name, those that are on among them."""
        completed = composite(image, output, mask)
        terms = {
            "valid": valid_loss(output, image, mask),
            "hole": hole_loss(output, image, mask),
            "tv": total_variation_loss(completed, mask),
        }
        if set(self.weights) & set(OF_FEATURES):
            target, raw, filled = (self.features(x) for x in (image, output, completed))
            terms |= {
                "perceptual": perceptual_loss(raw, target) + perceptual_loss(filled, target),
                "style_output": style_loss(raw, target),
                "style_composited": style_loss(filled, target),
            }
        return terms

    def complete(self, state: TrainState, image: Image, mask: Mask, key: PRNGKeyArray) -> Image:
        """Fills the holes; known pixels are returned as they came."""
        return self.previews(state, image, mask, key)["completed"]

    def previews(
        self, state: TrainState, image: Image, mask: Mask, key: PRNGKeyArray
    ) -> dict[str, Image]:
        """The network's output, cut off at 0 and 1, and the completed picture."""
        del key
        height, width = image.shape[1:3]
        pads = ((0, 0), (0, -height % self.stride), (0, -width % self.stride), (0, 0))
        padded = {"image": jnp.pad(image, pads), "mask": jnp.pad(mask, pads, constant_values=1)}
        network = state.networks["completion"]
        module = self.network(train=False)
        output, _ = self._run(module, network.params, network.batch_stats, padded)
        output = jnp.clip(output[:, :height, :width], 0, 1)
        return {"raw output": output, "completed": composite(image, output, mask)}
