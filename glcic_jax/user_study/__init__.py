"""Asks people which pictures are real: python -m glcic_jax.user_study."""
