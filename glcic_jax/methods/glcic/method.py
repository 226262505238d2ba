"""Globally and Locally Consistent Image Completion (Iizuka, Simo-Serra, Ishikawa, SIGGRAPH 2017).

The completion network C is trained by reconstruction alone, then the context discriminator D from
scratch with C fixed, then both together (algorithm 1). D always sees composited pictures, never
C's raw output: reconstruction does not bind C at known pixels, and D would tell by them at once.
"""

from functools import partial
from inspect import signature
from typing import Any

import optax
from ml_collections import ConfigDict

from glcic_jax.layers.precision import precision
from glcic_jax.methods.glcic.completion_network import CompletionNetwork
from glcic_jax.methods.glcic.discriminators import ContextDiscriminator
from glcic_jax.methods.glcic.networks import AVERAGE
from glcic_jax.methods.glcic.updates import (
    COMPLETION_METRICS,
    DISCRIMINATOR_METRICS,
    JOINT_METRICS,
    Glcic,
)
from glcic_jax.methods.losses import ADVERSARIAL_LOSSES
from glcic_jax.runtime.devices import DATA, split_over_fsdp
from glcic_jax.runtime.errors import UserError
from glcic_jax.types import Method, Phase

OPTIMIZERS = {"adadelta": optax.adadelta, "adam": optax.adam}
"""The paper's, and one for the networks that ship with this package."""


def build(config: Any, mean_pixel: tuple[float, float, float]) -> Method:
    """Builds GLCIC as `config` (of the fields of configs/places2.py) describes it.

    Raises:
      UserError: settings that contradict each other.
    """
    config = ConfigDict(config)
    _check(config)
    sides, phases = tuple(config.discriminators), config.phases
    shared = {
        "width": config.width,
        "axis_name": DATA if config.sync_batch_norm else None,
        "dtype": precision(config.dtype),
    }
    output = "difference" if config.get("smooth_holes") else "sigmoid"
    glcic = Glcic(
        completion=partial(CompletionNetwork, output=output, **shared),
        discriminator=partial(ContextDiscriminator, sides=sides, **shared) if sides else None,
        crop=config.data.crop,
        local_patch=config.local_patch,
        adversarial_loss=ADVERSARIAL_LOSSES[config.adversarial.loss],
        adversarial_weight=config.adversarial.weight,
        optimizer=split_over_fsdp(_optimizer(**config.optimizer)),
        mean_pixel=mean_pixel,
        average_decay=config.average_decay,
        remat=config.remat,
        accumulate=config.accumulate,
    )
    return Method(
        init=glcic.init,
        phases=(
            Phase("completion", phases.completion, glcic.update_completion, COMPLETION_METRICS),
            Phase(
                "discriminator",
                phases.discriminator,
                glcic.update_discriminator,
                DISCRIMINATOR_METRICS,
            ),
            Phase("joint", phases.joint, glcic.update_joint, JOINT_METRICS),
        ),
        complete=glcic.complete,
        previews=glcic.previews,
        networks=(AVERAGE if config.average_decay else "completion",),
        reach=glcic.reach,
        alignment=glcic.alignment,
    )


def _optimizer(name: str = "adadelta", **settings: float) -> optax.GradientTransformation:
    """The optimizer of that name; its settings are those that Optax has for it."""
    if name not in OPTIMIZERS:
        raise UserError(f'optimizer.name is "{name}": choose {" or ".join(OPTIMIZERS)}')
    taken = signature(OPTIMIZERS[name]).parameters
    for setting in settings:
        if setting not in taken:
            raise UserError(f"optimizer.{setting}: {name} has no such setting")
    return OPTIMIZERS[name](**settings)


def _check(config: Any) -> None:
    """Refuses settings that contradict each other."""
    sides, phases = tuple(config.discriminators), config.phases
    if set(sides) - {"local", "global"} or len(set(sides)) < len(sides):
        raise UserError(f'discriminators is {sides}: choose among "local" and "global"')
    if not sides and phases.discriminator + phases.joint:
        raise UserError("discriminators is empty: set phases.discriminator and phases.joint to 0")
    if config.local_patch > config.data.crop:
        raise UserError(
            f"local_patch of {config.local_patch} pixels does not fit a crop of "
            f"{config.data.crop}: lower local_patch or raise data.crop"
        )
    if config.adversarial.loss not in ADVERSARIAL_LOSSES:
        known = " or ".join(ADVERSARIAL_LOSSES)
        raise UserError(f'adversarial.loss is "{config.adversarial.loss}": choose {known}')
    if not 0 <= config.average_decay < 1:
        raise UserError(f"average_decay is {config.average_decay}: choose 0, or a share below 1")
    if config.accumulate < 1:
        raise UserError(f"accumulate is {config.accumulate}: choose 1 (at once) or more parts")
