"""Lists the methods by name. A new one gets a line in METHODS."""

from functools import partial

from glcic_jax.methods.ambient_gan.fields import FIELDS as AMBIENT_GAN
from glcic_jax.methods.ambient_gan.method import build as build_ambient_gan
from glcic_jax.methods.builder import Builder
from glcic_jax.methods.context_encoder.fields import FIELDS as CONTEXT_ENCODER
from glcic_jax.methods.context_encoder.method import build as build_context_encoder
from glcic_jax.methods.dcgan.fields import FIELDS as DCGAN
from glcic_jax.methods.dcgan.method import build as build_dcgan
from glcic_jax.methods.glcic.completion_network import CompletionNetwork
from glcic_jax.methods.glcic.fields import FIELDS as GLCIC
from glcic_jax.methods.glcic.method import build as build_glcic
from glcic_jax.methods.lama.fields import FIELDS as LAMA
from glcic_jax.methods.lama.method import build as build_lama
from glcic_jax.methods.partial_conv.fields import FIELDS as PARTIAL_CONV
from glcic_jax.methods.partial_conv.method import build as build_partial_conv
from glcic_jax.methods.template.fields import FIELDS as TEMPLATE
from glcic_jax.methods.template.method import build as build_template

METHODS = {
    "glcic": Builder(build_glcic, GLCIC, "places2"),
    "ambient_gan": Builder(
        partial(build_ambient_gan, completion_network=CompletionNetwork),
        AMBIENT_GAN,
        "ambient_faces64",
    ),
    "context_encoder": Builder(build_context_encoder, CONTEXT_ENCODER, "context_encoder_center"),
    "dcgan_completion": Builder(build_dcgan, DCGAN, "dcgan_faces64"),
    "lama": Builder(build_lama, LAMA, "lama_places2"),
    "partial_conv": Builder(build_partial_conv, PARTIAL_CONV, "pconv_places2"),
    "template": Builder(build_template, TEMPLATE, "template"),
}
"""Builders: each makes a Method from a config and the training set's mean pixel (RGB in [0, 1])."""
