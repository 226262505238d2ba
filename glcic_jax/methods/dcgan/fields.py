"""Describes the fields of a DCGAN and its search, in the order of configs/dcgan_faces64.py."""

from glcic_jax.methods.common_fields import (
    DISCRIMINATOR_RATE,
    LEARNING_RATE,
    WIDTH,
    adam,
    decay,
    phase,
)
from glcic_jax.runtime.field_kinds import Number, Whole
from glcic_jax.runtime.fields import Description, Field

FIELDS: Description = {
    "width": WIDTH,
    "latent": Field(Whole(1, 2**20), "in a latent vector, uniform in [-1, 1]", "numbers"),
    "feature_matching": Field(Number(), "weight; 0 = none, 0.05 is a common choice"),
    "phases.adversarial": phase("the only phase"),
    **adam("size of both networks' moves, by Adam"),
    "optimizer.discriminator_learning_rate": DISCRIMINATOR_RATE,
    "completion.latent_steps": Field(Whole(), "of the latent search", "steps"),
    "completion.starts": Field(Whole(1, 2**16), "random vectors that the search begins with"),
    "completion.learning_rate": Field(LEARNING_RATE, "of the search"),
    "completion.momentum": decay("Nesterov's, of the search"),
    "completion.prior_weight": Field(
        Number(), "lambda of the discriminator's term; 0.1 in Amos 2016, 0.003 in Yeh et al. 2017"
    ),
    "completion.window": Field(
        Whole(1, 2**15),
        "around a known pixel in which missing ones raise its weight; odd",
        "pixels",
    ),
    "completion.preview_steps": Field(
        Whole(), "in training, for scores and pictures, from one start", "steps"
    ),
}
