"""Builds GLCIC: Globally and Locally Consistent Image Completion (Iizuka et al., SIGGRAPH 2017).

The completion network C is trained by reconstruction alone, then the context discriminator D from
scratch with C fixed, then both together (algorithm 1). D always sees composited pictures, never
C's raw output: reconstruction does not bind C at known pixels, so D would recognise raw output by
these at once.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from glcic_jax.layers.precision import precision
from glcic_jax.layers.torch_layers import SCALES
from glcic_jax.layers.vgg16 import Layer, read_vgg16, vgg16
from glcic_jax.methods.checks import check_choice, check_least, check_share, check_weight
from glcic_jax.methods.completion import completion_from
from glcic_jax.methods.glcic.completion_network import CompletionNetwork
from glcic_jax.methods.glcic.discriminators import BATCH, NORMS, ContextDiscriminator
from glcic_jax.methods.glcic.networks import AVERAGE
from glcic_jax.methods.glcic.reconstruction import ERRORS, Reconstruction
from glcic_jax.methods.glcic.table2 import DILATED, MOST_DILATED
from glcic_jax.methods.glcic.tiled_network import capacities
from glcic_jax.methods.glcic.updates import BALANCED, Glcic
from glcic_jax.methods.losses import ADVERSARIAL_LOSSES, Features
from glcic_jax.methods.optimizers import pair_of
from glcic_jax.runtime.devices import DATA
from glcic_jax.runtime.errors import UserError
from glcic_jax.types import Image, Method, Phase

PAPER_BATCH = 96
"""Pictures in a batch of section 4: 24 on each of 4 GPUs."""


def build(config: Any, mean_pixel: tuple[float, float, float]) -> Method:
    """Builds GLCIC from `config`, which has the fields of configs/places2.py.

    Args:
      config: a ConfigDict, or a dict of the same fields.
      mean_pixel: mean of the training pictures, RGB in [0, 1].

    Raises:
      UserError: settings that contradict each other.
    """
    config = ConfigDict(config)
    _check(config)
    read_features = partial(read_vgg16, Path(config.perceptual))
    glcic, phases = _glcic(config, mean_pixel, read_features), config.phases
    return Method(
        init=glcic.init,
        phases=(
            Phase(
                "completion",
                phases.completion,
                glcic.update_completion,
                glcic.completion_metrics,
                moves=("completion",),
            ),
            Phase(
                "discriminator",
                phases.discriminator,
                glcic.update_discriminator,
                glcic.discriminator_metrics,
                moves=("discriminator",),
            ),
            Phase(
                "joint",
                phases.joint,
                glcic.update_joint,
                glcic.joint_metrics,
                moves=("completion", "discriminator"),
            ),
        ),
        complete=completion_from(glcic.previews),
        complete_within=glcic.complete_within if config.dtype == "float32" else None,
        within=f"{glcic.form} {glcic.view}",
        capacities=capacities(config.width),
        previews=glcic.previews,
        networks=(AVERAGE if config.average_decay else "completion",),
        averages={AVERAGE: "completion"} if config.average_decay else {},
        note=_note(config),
        prepare=read_features if config.perceptual else lambda: None,
        reach=glcic.reach,
        alignment=glcic.alignment,
        given=True,
    )


def _glcic(
    config: Any,
    mean_pixel: tuple[float, float, float],
    read_features: Callable[[], Sequence[Layer]],
) -> Glcic:
    """Builds what starts and updates the networks."""
    sides = tuple(config.discriminators)
    shared = {
        "width": config.width,
        "axis_name": DATA if config.sync_batch_norm else None,
        "dtype": precision(config.dtype),
        "scale": config.batch_norm_scale,
    }
    output = "difference" if config.smooth_holes else "sigmoid"
    optimizer, judge_optimizer = pair_of(**config.optimizer)
    return Glcic(
        completion=partial(
            CompletionNetwork,
            output=output,
            dilated_layers=config.dilated_layers,
            **shared,
        ),
        discriminator=partial(
            ContextDiscriminator, sides=sides, norm=config.discriminator_norm, **shared
        )
        if sides
        else None,
        crop=config.data.crop,
        local_patch=config.local_patch,
        reconstruction=Reconstruction(
            config.reconstruction,
            partial(_features, read_features) if config.perceptual else None,
            config.perceptual_weight,
        ),
        adversarial_loss=ADVERSARIAL_LOSSES[config.adversarial.loss],
        adversarial_weight=config.adversarial.weight,
        r1=config.adversarial.r1,
        optimizer=optimizer,
        judge_optimizer=judge_optimizer,
        mean_pixel=mean_pixel,
        average_decay=config.average_decay,
        trained_start=bool(config.get("init_from")),
        remat=config.remat,
        accumulate=config.accumulate,
    )


def _note(config: Any) -> str:
    """Returns a line on the paper's batch where a run has another one, and on a weight in vain."""
    batch, notes = config.data.batch_size, []
    if batch != PAPER_BATCH:
        notes.append(f"a batch of {batch}; the paper's is {PAPER_BATCH}")
    if config.perceptual_weight and not config.perceptual:
        notes.append("features are not compared, as config.perceptual names no weights of VGG16")
    return "; ".join(notes)


def _features(read: Callable[[], Sequence[Layer]], image: Image) -> Features:
    """Returns VGG16's features of pictures; its weights are read the first time."""
    return vgg16(read(), image)


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
    check_choice("batch_norm_scale", config.batch_norm_scale, SCALES)
    dilated = config.dilated_layers
    if not DILATED <= dilated <= MOST_DILATED:
        raise UserError(f"dilated_layers is {dilated}: choose {DILATED} to {MOST_DILATED}")
    if config.adversarial.weight != BALANCED:
        check_weight("adversarial.weight", config.adversarial.weight)
    check_choice("discriminator_norm", config.discriminator_norm, NORMS)
    check_weight("adversarial.r1", config.adversarial.r1)
    if config.adversarial.r1 and config.discriminator_norm == BATCH:
        raise UserError(
            f"adversarial.r1 is {config.adversarial.r1}: batch norm mixes the pictures of a batch, "
            "whose gradients it looks at one by one: set discriminator_norm to spectral or none"
        )
    check_choice("adversarial.loss", config.adversarial.loss, ADVERSARIAL_LOSSES)
    check_choice("reconstruction", config.reconstruction, ERRORS)
    check_weight("perceptual_weight", config.perceptual_weight)
    check_share("average_decay", config.average_decay)
    check_least("accumulate", config.accumulate, 1)
