"""What `python -m glcic_jax.demo` is made of: methods, their process, the server, its pages."""
