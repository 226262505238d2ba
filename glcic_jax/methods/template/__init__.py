"""Holds a U-Net trained by L1: the folder to copy for a new method."""
