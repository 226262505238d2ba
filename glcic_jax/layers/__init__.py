"""Holds what networks are made of: layers, convolutions and array operations."""
