"""Reads picture files and the folders that hold them. Needs no JAX."""
