"""Fills the holes of photographs: python -m glcic_jax.complete, and `load` for Python."""
