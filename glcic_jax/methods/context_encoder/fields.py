"""Describes the fields of context encoders, in the order of their configs."""

from glcic_jax.methods.common_fields import WIDTH, adam, phase, rate
from glcic_jax.runtime.field_kinds import Number, Switch, Whole, Word
from glcic_jax.runtime.fields import Description, Field

FORMS = ("center", "random")
"""What is predicted: the middle square, or the whole picture with holes anywhere."""

FIELDS: Description = {
    "form": Field(Word(FORMS), "the middle is predicted, or the whole picture"),
    "overlap": Field(
        Whole(0, 2**15), "of known frame around the middle that are predicted too", "pixels"
    ),
    "width": WIDTH,
    "bottleneck": Field(Whole(1, 2**20), "numbers that join encoder and decoder", "units"),
    "known_weight": Field(
        Number(), "in L2, of predicted pixels that are known; those of the hole weigh 1"
    ),
    "adversarial.weight": Field(Number(0, 1, open_ends="most"), "lambda_adv; L2 has the rest to 1"),
    "phases.joint": phase("the only phase"),
    "completion.whole_picture": Field(
        Switch(),
        "scale whole pictures to the crop, as GLCIC's comparison does; False: see a square around "
        "each hole",
        default=False,
    ),
    **adam("size of the completion network's moves, by Adam"),
    "optimizer.discriminator_learning_rate": rate(
        "size of the discriminator's; 0 = as the other network's"
    ),
}
