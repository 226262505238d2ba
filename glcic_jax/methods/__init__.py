"""The methods by name. Each folder is one paper. A new one gets a line in METHODS."""

from functools import partial

from glcic_jax.methods import (
    ambient_gan,
    context_encoder,
    dcgan,
    glcic,
    partial_conv,
    template,
)
from glcic_jax.methods.builder import Builder
from glcic_jax.methods.glcic.completion_network import CompletionNetwork

METHODS = {
    "glcic": Builder(glcic.build, glcic.FIELDS),
    "ambient_gan": Builder(
        partial(ambient_gan.build, completion_network=CompletionNetwork), ambient_gan.FIELDS
    ),
    "context_encoder": Builder(context_encoder.build, context_encoder.FIELDS),
    "dcgan_completion": Builder(dcgan.build, dcgan.FIELDS),
    "partial_conv": Builder(partial_conv.build, partial_conv.FIELDS),
    "template": Builder(template.build, template.FIELDS),
}
"""Builders: each makes a Method from a config and the training set's mean pixel (RGB in [0, 1])."""
