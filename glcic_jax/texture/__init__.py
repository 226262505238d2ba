"""Continues texture into holes: copies patches of the known part, guided by another completion."""
