"""A U-Net trained by L1: the folder that one copies to add a method."""

from glcic_jax.methods.template.method import build

__all__ = ["build"]
