"""What `python -m glcic_jax.evaluate` is made of: examples, rivals, intervals, tables, the page."""
