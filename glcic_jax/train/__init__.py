"""Trains a method: the loop, the step, the start, and the reports of a run."""
