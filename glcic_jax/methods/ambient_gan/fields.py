"""Describes the fields of AmbientGAN, in the order of configs/ambient_faces64.py."""

from glcic_jax.methods.ambient_gan.updates import ADVERSARIAL
from glcic_jax.methods.common_fields import DISCRIMINATOR_RATE, WIDTH, adam, phase
from glcic_jax.runtime.field_kinds import Number, Whole, Word
from glcic_jax.runtime.fields import Description, Field

FIELDS: Description = {
    "width": WIDTH,
    "discriminator_width": Field(Whole(1, 4_096), "of the discriminator's first layer", "channels"),
    "phases.adversarial": phase("the only phase"),
    "adversarial.loss": Field(Word(tuple(ADVERSARIAL)), "wasserstein needs a gradient_penalty"),
    "adversarial.gradient_penalty": Field(Number(), "weight, 10 in Gulrajani et al. 2017; 0 = off"),
    "reconstruction": Field(
        Number(), "weight of a term on known pixels; 0 = AmbientGAN's own loss"
    ),
    **adam("size of both networks' moves, by Adam"),
    "optimizer.discriminator_learning_rate": DISCRIMINATOR_RATE,
}
