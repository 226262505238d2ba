"""What `python -m glcic_jax.user_study` is made of: pictures, answers, pages, the server."""
