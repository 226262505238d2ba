"""Keeps trained networks on disk: checkpoints of runs, and weights in the exchange format."""
