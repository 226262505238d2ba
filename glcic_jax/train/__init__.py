"""Trains a method: the loop, the step, the start, and what a run reports."""
