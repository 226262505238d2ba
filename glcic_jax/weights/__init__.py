"""Weights from and to the rest of the world: one file per format."""
