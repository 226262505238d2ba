"""Experiments of the paper and of this project, one command each: docs/experiments.md."""
