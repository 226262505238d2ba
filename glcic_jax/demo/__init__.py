"""Serves a page that removes things from photographs: python -m glcic_jax.demo."""
