"""The networks whose features perceptual metrics compare."""
