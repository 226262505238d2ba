"""Holds the networks whose features perceptual metrics compare."""
