"""Partial convolution (Liu et al., ECCV 2018)."""
