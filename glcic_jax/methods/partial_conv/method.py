"""Builds Image Inpainting for Irregular Holes Using Partial Convolutions (Liu et al., ECCV 2018).

A U-Net of partial convolutions is trained by six losses at once, none of them adversarial. In the
second stage the encoder's batch norm is frozen: statistics over features with holes in them are not
those of whole pictures. "Freeze the batch normalization parameters" is taken to the letter: running
statistics normalise and stay as they are, and so do scale and bias. (Some reimplementations train
these two further.) Adam's moments carry over from the first stage to the second.

Where the paper is silent: the network's input and output are differences to the training set's mean
pixel, so that a place that sees nothing known gets that colour. What lies beyond a picture's edge
counts as hole, and so do the rows and columns that pad it to a multiple of 2**levels. Losses see
the network's raw output. Completed pictures are clipped to [0, 1].

The perceptual and the two style losses need VGG16's weights, which the user brings. Without them
these losses are off, and the run prints so. A term of weight 0 is off too. So configs/
pconv_cifar10.py trains by mean absolute error alone, as the project before this one did.

`config.form` chooses the network: "paper", or "paired" for that project's (paired_network.py).
"""

from functools import partial
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from glcic_jax.layers.precision import precision
from glcic_jax.layers.vgg16 import read_vgg16, vgg16
from glcic_jax.methods.checks import check_weight
from glcic_jax.methods.completion import completion_from
from glcic_jax.methods.optimizers import optimizer_of
from glcic_jax.methods.partial_conv.forms import FORMS
from glcic_jax.methods.partial_conv.network import KERNELS
from glcic_jax.methods.partial_conv.updates import (
    FEATURE_TERMS,
    PIXEL_TERMS,
    TERMS,
    PartialConv,
)
from glcic_jax.runtime.devices import DATA
from glcic_jax.runtime.errors import UserError
from glcic_jax.types import Method, Phase


def build(config: Any, mean_pixel: tuple[float, float, float]) -> Method:
    """Builds the method from `config`, which has the fields of configs/pconv_places2.py.

    Args:
      config: a ConfigDict, or a dict of the same fields.
      mean_pixel: mean of the training pictures, RGB in [0, 1].

    Raises:
      UserError: settings that contradict each other.
    """
    config = ConfigDict(config)
    _check(config)
    possible = TERMS if config.perceptual else PIXEL_TERMS
    weights = {name: config.weights[name] for name in possible if config.weights[name]}
    if not weights:
        raise UserError("no loss is left: set a weight above 0, or perceptual to VGG16's weights")
    needs_features = bool(set(weights) & set(FEATURE_TERMS))
    read = partial(read_vgg16, Path(config.perceptual))
    form = FORMS[config.form]
    networks = PartialConv(
        network=partial(
            form.network,
            levels=config.levels,
            width=config.width,
            axis_name=DATA if config.sync_batch_norm else None,
            dtype=precision(config.dtype),
        ),
        weights=weights,
        features=lambda image: vgg16(read(), image, precision(config.dtype)),
        mean_pixel=mean_pixel if form.centred else (0.0, 0.0, 0.0),
        stride=2**config.levels,
    )
    settings = config.optimizer.to_dict()
    finetuned = {"learning_rate": settings.pop("finetune_rate")}
    first, second = (optimizer_of("adam", **chosen) for chosen in (settings, settings | finetuned))
    metrics = (*(f"loss/{name}" for name in weights), "grad_norm/completion")
    return Method(
        init=partial(networks.init, first),
        phases=tuple(
            Phase(
                name,
                config.phases[name],
                partial(networks.update, optimizer, frozen),
                metrics,
                moves=("completion",),
            )
            for name, optimizer, frozen in (("initial", first, False), ("finetune", second, True))
        ),
        complete=completion_from(networks.previews),
        previews=networks.previews,
        networks=("completion",),
        prepare=read if needs_features else lambda: None,
        note=_note(config),
        reach=form.reach(config.levels),
        alignment=2**config.levels,
    )


def _check(config: Any) -> None:
    """Refuses settings that contradict each other."""
    form = config.form
    if form not in FORMS:
        raise UserError(f'form is "{form}": choose {" or ".join(FORMS)}')
    if not 2 <= config.levels <= len(KERNELS):
        raise UserError(f"levels is {config.levels}: choose 2 to {len(KERNELS)}")
    if config.data.crop % 2**config.levels:
        raise UserError(
            f"a crop of {config.data.crop} pixels cannot be halved {config.levels} times: set "
            f"data.crop to a multiple of {2**config.levels}, or lower levels"
        )
    for name, weight in config.weights.items():
        check_weight(f"weights.{name}", weight)


def _note(config: Any) -> str:
    """Returns a line on which of the six losses are on, and why the others are off."""
    zero = [name for name in TERMS if not config.weights[name]]
    without = [name for name in FEATURE_TERMS if name not in zero and not config.perceptual]
    on = [f"{config.weights[name]:g} {name}" for name in TERMS if name not in zero + without]
    note = f"{len(on)} of 6 losses on: {', '.join(on)}"
    if without:
        note += f"; off, as config.perceptual names no weights of VGG16: {', '.join(without)}"
    if zero:
        note += f"; off by weight 0: {', '.join(zero)}"
    return note
