"""Refuses settings of a config that cannot be, by their names in the config."""

from collections.abc import Iterable

from glcic_jax.runtime.errors import UserError


def check_choice(name: str, value: str, choices: Iterable[str]) -> None:
    """Refuses a word that is not one of the choices.

    Raises:
      UserError: it is another one.
    """
    choices = tuple(choices)
    if value not in choices:
        raise UserError(f'{name} is "{value}": choose {" or ".join(choices)}')


def check_least(name: str, value: float, least: float) -> None:
    """Refuses a number below the least one that works.

    Raises:
      UserError: it is smaller.
    """
    if not value >= least:
        raise UserError(f"{name} is {value}: choose {least} or more")


def check_weight(name: str, value: float) -> None:
    """Refuses what cannot weigh a term of a loss.

    Raises:
      UserError: it is negative, infinite or not a number.
    """
    if not 0 <= value < float("inf"):
        raise UserError(f"{name} is {value}: choose a number from 0 on")


def check_share(name: str, value: float) -> None:
    """Refuses what is not a share from 0 to below 1.

    Raises:
      UserError: it is negative, 1 or more, or not a number.
    """
    if not 0 <= value < 1:
        raise UserError(f"{name} is {value}: choose 0, or a share below 1")
