"""Masks of all kinds: random ones, fixed sets of them, and those that people paint."""
