"""Shows what differs between trainings, and their curves: `compare_runs`. Needs no JAX."""
