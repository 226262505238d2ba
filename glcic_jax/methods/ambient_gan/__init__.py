"""AmbientGAN with GLCIC's completion network (Bora, Price, Dimakis, ICLR 2018)."""

from glcic_jax.methods.ambient_gan.fields import FIELDS
from glcic_jax.methods.ambient_gan.method import build

__all__ = ["FIELDS", "build"]
