"""Checks seeds of texture. Needs no JAX."""

from glcic_jax.runtime.errors import UserError

MOST_SEED = 2**32 - 1
"""The largest seed: JAX's random keys take 32 bits."""


def check_seed(seed: int, name: str = "seed") -> None:
    """Refuses a number that no random key takes.

    Args:
      seed: the number.
      name: what the user calls it.

    Raises:
      UserError: it is negative or above MOST_SEED.
    """
    if not 0 <= seed <= MOST_SEED:
        raise UserError(f"{name} {seed}: give 0 to {MOST_SEED}")
