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
    "glcic": Builder(glcic.build, glcic.FIELDS, "places2"),
    "ambient_gan": Builder(
        partial(ambient_gan.build, completion_network=CompletionNetwork),
        ambient_gan.FIELDS,
        "ambient_faces64",
    ),
    "context_encoder": Builder(
        context_encoder.build, context_encoder.FIELDS, "context_encoder_center"
    ),
    "dcgan_completion": Builder(dcgan.build, dcgan.FIELDS, "dcgan_faces64"),
    "partial_conv": Builder(partial_conv.build, partial_conv.FIELDS, "pconv_places2"),
    "template": Builder(template.build, template.FIELDS, "template"),
}
"""Builders: each makes a Method from a config and the training set's mean pixel (RGB in [0, 1])."""
