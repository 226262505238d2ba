"""Builds Resolution-robust Large Mask Inpainting with Fourier Convolutions (Suvorov et al. 2022).

A residual network sees the picture with black holes, and the mask. Three quarters of its channels
are convolved as frequencies, so that every layer sees the whole picture. It learns from large holes
by a perceptual loss with a high receptive field, against a discriminator of patches, and by that
one's features.

Where the release (advimman/lama, config big-lama) differs from the paper, the release is followed:
an absolute error at known pixels (weight 10), and batch norm in the discriminator. Where this
differs from the release:

- One forward pass of the generator serves both networks. There, the discriminator is moved by a
  second one, after the generator has moved.
- Holes are drawn by the kinds of this package; see the configs.
- Patches where the discriminator is right are counted in holes only, in `accuracy/completed`.
- The moving average of the generator is off there by default.

The ResNet-50's weights (CSAIL's, trained to segment ADE20K) are the user's to bring. Without them
VGG16's can be compared, whose features see 44 pixels, or none. The run prints which terms are on.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from glcic_jax.layers.precision import precision
from glcic_jax.layers.resnet50 import read_resnet50, resnet50
from glcic_jax.layers.vgg16 import read_vgg16, vgg16
from glcic_jax.methods.checks import check_choice, check_least, check_share, check_weight
from glcic_jax.methods.completion import completion_from
from glcic_jax.methods.lama.discriminator import Discriminator
from glcic_jax.methods.lama.fields import RESNET50, VGG16
from glcic_jax.methods.lama.network import Generator
from glcic_jax.methods.lama.sizes import SMALLEST, STRIDE
from glcic_jax.methods.lama.updates import (
    AVERAGE,
    DISCRIMINATOR,
    FIELD,
    GENERATOR,
    TERMS,
    Lama,
)
from glcic_jax.methods.losses import Features
from glcic_jax.methods.optimizers import pair_of
from glcic_jax.runtime.devices import DATA
from glcic_jax.runtime.errors import UserError
from glcic_jax.types import Image, Method, Phase

NETWORKS: dict[str, tuple[Callable[[Path], Any], Callable[..., Features]]] = {
    RESNET50: (read_resnet50, resnet50),
    VGG16: (read_vgg16, vgg16),
}
"""How the weights of networks that see pictures are read, and their features computed."""


def build(config: Any, mean_pixel: tuple[float, float, float]) -> Method:
    """Builds LaMa from `config`, which has the fields of configs/lama_places2.py.

    Args:
      config: a ConfigDict, or a dict of the same fields.
      mean_pixel: not used: holes are black.

    Raises:
      UserError: settings that contradict each other.
    """
    del mean_pixel
    config = ConfigDict(config)
    _check(config)
    possible = TERMS if config.perceptual else TERMS[:-1]
    weights = {name: config.weights[name] for name in possible if config.weights[name]}
    if not weights:
        raise UserError("no loss is left: set one of weights above 0")
    read, compute = NETWORKS[config.perceptual_network]
    read = partial(read, Path(config.perceptual))
    dtype = precision(config.dtype)
    shared = {"axis_name": DATA if config.sync_batch_norm else None, "dtype": dtype}
    optimizers = pair_of(name="adam", **config.optimizer)
    lama = Lama(
        generator=partial(
            Generator, width=config.width, blocks=config.blocks, remat=config.remat, **shared
        ),
        discriminator=partial(Discriminator, width=config.discriminator_width, **shared),
        optimizers=dict(zip((GENERATOR, DISCRIMINATOR), optimizers, strict=True)),
        weights=weights,
        features=lambda image: _features(read, compute, image, dtype),
        r1=config.weights.r1,
        average_decay=config.average_decay,
        trained_start=bool(config.get("init_from")),
    )
    return Method(
        init=lama.init,
        phases=(
            Phase(
                "joint",
                config.phases.joint,
                lama.update,
                lama.metrics,
                moves=(GENERATOR, DISCRIMINATOR),
            ),
        ),
        complete=completion_from(lama.previews),
        previews=lama.previews,
        refine=lama.refine,
        networks=(lama.completing,),
        averages={AVERAGE: GENERATOR} if config.average_decay else {},
        prepare=read if FIELD in weights else lambda: None,
        note=_note(config, weights),
        alignment=STRIDE,
    )


def _features(read, compute, image: Image, dtype: Any) -> Features:
    return compute(read(), image, dtype)


def _check(config: Any) -> None:
    """Refuses settings that contradict each other."""
    check_least("width", config.width, 2)
    check_least("blocks", config.blocks, 1)
    check_least("discriminator_width", config.discriminator_width, 1)
    check_share("average_decay", config.average_decay)
    check_choice("perceptual_network", config.perceptual_network, NETWORKS)
    for name, weight in config.weights.items():
        check_weight(f"weights.{name}", weight)
    crop = config.data.crop
    if crop % STRIDE or crop < SMALLEST:
        raise UserError(
            f"data.crop is {crop}: LaMa trains on multiples of {STRIDE} pixels from {SMALLEST} on"
        )


def _note(config: Any, weights: dict[str, float]) -> str:
    """Returns a line on the losses that are on, and on why one is off."""
    note = "losses: " + ", ".join(f"{weight:g} {name}" for name, weight in weights.items())
    if config.weights[FIELD] and not config.perceptual:
        note += "; perceptual is off, as config.perceptual names no weights"
    return note
