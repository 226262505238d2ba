"""Partial convolution (Liu et al., ECCV 2018)."""

from glcic_jax.methods.partial_conv.fields import FIELDS
from glcic_jax.methods.partial_conv.method import build

__all__ = ["FIELDS", "build"]
