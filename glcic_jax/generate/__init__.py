"""Draws pictures that no photograph shows, by trained networks: python -m glcic_jax.generate."""
