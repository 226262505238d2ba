"""The paper's own experiments, one command each (docs/experiments.md), and the quickstart's end."""
