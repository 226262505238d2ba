"""Masks of all kinds: drawn at random, fixed sets of them, and those that people paint."""
