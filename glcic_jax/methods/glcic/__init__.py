"""GLCIC (Iizuka, Simo-Serra, Ishikawa, SIGGRAPH 2017)."""

from glcic_jax.methods.glcic.fields import FIELDS
from glcic_jax.methods.glcic.method import build

__all__ = ["FIELDS", "build"]
