"""Shows many trainings as one page, CSV and JSON: the command `report`. Needs no JAX."""
