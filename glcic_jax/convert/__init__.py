"""Reads and writes networks in the formats of other programs: python -m glcic_jax.convert."""
