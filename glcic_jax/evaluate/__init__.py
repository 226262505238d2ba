"""Compares methods on the same pictures and holes: python -m glcic_jax.evaluate."""
