"""Holds the network that comes with the package, its model card, and whose photographs made it."""

from pathlib import Path

BUNDLED = Path(__file__).parent
"""The folder, as `glcic_jax.load` takes it."""

NAME = "pretrained"
"""What commands call it. A folder of that name where they are started goes first."""


def is_bundled(address: str | Path) -> bool:
    """Returns whether an address means the network that comes with the package."""
    return Path(address) == BUNDLED or (str(address) == NAME and not Path(NAME).exists())
