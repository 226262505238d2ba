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
from glcic_jax.methods.glcic.completion_network import CompletionNetwork

METHODS = {
    "glcic": glcic.build,
    "ambient_gan": partial(ambient_gan.build, completion_network=CompletionNetwork),
    "context_encoder": context_encoder.build,
    "dcgan_completion": dcgan.build,
    "partial_conv": partial_conv.build,
    "template": template.build,
}
"""Builders: each makes a Method from a config and the training set's mean pixel (RGB in [0, 1])."""
