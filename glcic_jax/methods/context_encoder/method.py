"""Builds Context Encoders (Pathak et al., CVPR 2016, Feature Learning by Inpainting, section 5.1).

This is the main learnt rival in GLCIC's paper (section 4.1). An encoder sees the whole picture
without a mask, the hole painted in the mean colour. A bottleneck of 4,000 units joins everything. A
decoder predicts the middle square (form "center") or the whole picture (form "random", holes
anywhere). It learns by L2 and against a discriminator of what it predicts; each update moves both.

The paper has two encoders. For features it describes AlexNet's at 227 pixels with a channel-wise
fully connected layer. For completion, as in the authors' release (Torch7), it uses DCGAN's
discriminator with a bottleneck of 4,000 units. This is the second. Where paper and release differ:

- Overlap: around the hole a frame of known pixels is predicted too, weighted 10 times in L2. It is
  7 pixels wide in the paper, 4 in the release. Here 7: of 128 pixels the middle 64 are predicted
  and the middle 50 hidden.
- Random form: the paper takes L2 in the hole, the release over the whole picture. Here the latter,
  with the release's holes: noise that covers 20 to 30 %. The release has one hole per batch; here
  every picture has its own.
- Learning rates: the completion network's is 10 times the discriminator's, in both.
- The release moves C by the updated D, but with the error of D before its update. Here both are
  the updated D's.
- The release's network sees what its user cut or scaled to 128 pixels, and GLCIC's paper scales
  whole pictures to compare. Here, by default, it sees a square around each hole, which keeps the
  hole's detail and brings every hole to the middle; `completion.whole_picture` scales the picture.
- The release paints holes with ImageNet's mean, its channels in the wrong order. Here they get the
  measured mean.
"""

from functools import partial
from typing import Any

from ml_collections import ConfigDict

from glcic_jax.layers.precision import precision
from glcic_jax.methods.checks import check_choice, check_share
from glcic_jax.methods.completion import completion_from
from glcic_jax.methods.context_encoder.networks import ContextEncoder, Discriminator
from glcic_jax.methods.context_encoder.updates import METRICS, ContextEncoderGan
from glcic_jax.methods.optimizers import pair_of
from glcic_jax.runtime.devices import DATA
from glcic_jax.runtime.errors import UserError
from glcic_jax.types import Method, Phase


def build(config: Any, mean_pixel: tuple[float, float, float]) -> Method:
    """Builds a context encoder from `config`, of the fields of configs/context_encoder_center.py.

    Args:
      config: a ConfigDict, or a dict of the same fields.
      mean_pixel: mean of the training pictures, RGB in [0, 1].

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
    optimizer, judge_optimizer = pair_of(name="adam", **config.optimizer)
    encoder = ContextEncoderGan(
        networks={
            "completion": partial(
                ContextEncoder, output=predicted, bottleneck=config.bottleneck, **shared
            ),
            "discriminator": partial(Discriminator, **shared),
        },
        optimizers={
            "completion": optimizer,
            "discriminator": judge_optimizer,
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
        phases=(
            Phase(
                "joint",
                config.phases.joint,
                encoder.update,
                METRICS,
                moves=("completion", "discriminator"),
            ),
        ),
        complete=completion_from(encoder.previews),
        previews=encoder.previews,
        networks=("completion",),
        size=crop,
        middle=hidden or None,
        whole=config.completion.whole_picture,
    )


def _hidden(config: Any) -> int:
    """Returns the edge in pixels of the square that the center form does not see."""
    return config.data.crop // 2 - 2 * config.overlap


def _check(config: Any) -> None:
    """Refuses settings that contradict each other."""
    crop = config.data.crop
    check_choice("form", config.form, ("center", "random"))
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
    check_share("adversarial.weight", config.adversarial.weight)
