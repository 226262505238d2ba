"""Makes shards of many or large pictures: python -m glcic_jax.prepare."""
