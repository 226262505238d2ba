"""Latent search in a trained DCGAN (Yeh et al., CVPR 2017; Amos 2016)."""

from glcic_jax.methods.dcgan.fields import FIELDS
from glcic_jax.methods.dcgan.method import build

__all__ = ["FIELDS", "build"]
