"""A U-Net trained by L1: the folder to copy for a new method."""

from glcic_jax.methods.template.fields import FIELDS
from glcic_jax.methods.template.method import build

__all__ = ["FIELDS", "build"]
