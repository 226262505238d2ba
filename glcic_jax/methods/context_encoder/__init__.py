"""Context encoders (Pathak et al., CVPR 2016)."""

from glcic_jax.methods.context_encoder.fields import FIELDS
from glcic_jax.methods.context_encoder.method import build

__all__ = ["FIELDS", "build"]
