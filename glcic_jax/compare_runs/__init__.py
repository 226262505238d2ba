"""The command `compare_runs`: what differs between trainings, and their curves. Needs no JAX."""
