"""Names the forms of the network. Needs no Flax."""

PAPER, PAIRED = "paper", "paired"
"""What config.form calls them: the paper's, and that of an earlier project."""
