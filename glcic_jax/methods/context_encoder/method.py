"""Context Encoders: Feature Learning by Inpainting (Pathak et al., CVPR 2016), section 5.1.

The main learnt rival of GLCIC's paper, section 4.1. An encoder sees the whole picture, its hole
painted in the mean colour, without a mask; a bottleneck of 4,000 units joins everything; a decoder
predicts the middle square (form "center") or the whole picture (form "random", holes anywhere). It
learns by L2 and against a discriminator of what it predicts, both networks in each update.

The paper has two encoders. For features it describes AlexNet's at 227 pixels with a channel-wise
fully connected layer; for completion, and in the authors' release (Torch7), it is DCGAN's
discriminator with a bottleneck of 4,000 units. Here is the second. Where the two differ:

- Overlap: the paper predicts 7 pixels of known frame around the hole, weighted 10 times in L2, the
  release 4. So of 128 pixels the middle 64 are predicted and the middle 50 hidden. The paper's 7.
- Random form: the paper takes L2 in the hole, the release over the whole picture. The release's,
  with its holes: noise over 20 to 30 %. It has one hole per batch; here every picture has its own.
- Learning rates: the completion network's is 10 times the discriminator's, in both.
- The release moves C by the updated D with the error of D before; here that of the updated D.
- The release paints holes with ImageNet's mean, its channels mixed up. Here the measured mean.
"""

from functools import partial
from typing import Any

import optax
from ml_collections import ConfigDict

from glcic_jax.layers.precision import precision
from glcic_jax.methods.context_encoder.networks import ContextEncoder, Discriminator
from glcic_jax.methods.context_encoder.updates import METRICS, Encoder
from glcic_jax.runtime.devices import DATA, split_over_fsdp
from glcic_jax.runtime.errors import UserError
from glcic_jax.types import Method, Phase


def build(config: Any, mean_pixel: tuple[float, float, float]) -> Method:
    """Builds a context encoder as `config` (of configs/context_encoder_center.py) describes it.

    Raises:
      UserError: settings that contradict each other.
    """
    config = ConfigDict(config)
    _check(config)
    crop, center = config.data.crop, config.form == "center"
    shared = {
        "width": config.width,
        "axis_name": DATA if config.sync_batch_norm else None,
        "dtype": precision(config.dtype),
    }
    predicted = crop // 2 if center else crop
    hidden = _hidden(config) if center else 0
    adam = partial(optax.adam, b1=config.optimizer.b1, b2=config.optimizer.b2)
    encoder = Encoder(
        networks={
            "completion": partial(
                ContextEncoder, output=predicted, bottleneck=config.bottleneck, **shared
            ),
            "discriminator": partial(Discriminator, **shared),
        },
        optimizers={
            "completion": split_over_fsdp(adam(config.optimizer.learning_rate)),
            "discriminator": split_over_fsdp(adam(config.optimizer.discriminator_learning_rate)),
        },
        mean_pixel=mean_pixel,
        crop=crop,
        predicted=predicted,
        hidden=hidden,
        known_weight=config.known_weight,
        adversarial_weight=config.adversarial.weight,
    )
    return Method(
        init=encoder.init,
        phases=(Phase("joint", config.phases.joint, encoder.update, METRICS),),
        complete=encoder.complete,
        previews=encoder.previews,
        networks=("completion",),
        size=crop,
        middle=hidden or None,
    )


def _hidden(config: Any) -> int:
    """Edge of the square that the center form does not see."""
    return config.data.crop // 2 - 2 * config.overlap


def _check(config: Any) -> None:
    """Refuses settings that contradict each other."""
    crop = config.data.crop
    if config.form not in ("center", "random"):
        raise UserError(f'form is "{config.form}": choose center or random')
    if crop < 32 or crop & (crop - 1):
        raise UserError(f"data.crop is {crop}: a context encoder takes 32, 64, 128 or 256 pixels")
    if config.form == "random" and config.overlap:
        raise UserError(f"overlap is {config.overlap}: the random form has none, set it to 0")
    if config.form == "center":
        if config.overlap < 0 or _hidden(config) < 4:
            raise UserError(f"overlap is {config.overlap}: choose 0 to {(crop // 2 - 4) // 4}")
        holes = dict(config.get("holes", {}))
        if holes not in ({}, {"kind": "center", "size": _hidden(config)}):
            raise UserError(
                f"the center form with an overlap of {config.overlap} hides the middle "
                f"{_hidden(config)} of {crop} pixels: set holes.kind to center and holes.size "
                f"to {_hidden(config)}"
            )
    if not 0 <= config.adversarial.weight < 1:
        raise UserError(f"adversarial.weight is {config.adversarial.weight}: choose 0 or below 1")
