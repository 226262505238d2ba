"""Holds partial convolution (Liu et al., ECCV 2018)."""
