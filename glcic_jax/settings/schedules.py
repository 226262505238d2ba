"""Refuses schedules of the learning rate that do not fit the length of the training."""

from collections.abc import Mapping
from typing import Any

from glcic_jax.runtime.errors import UserError


def check_schedules(optimizer: Mapping[str, Any], updates: Mapping[str, int]) -> None:
    """Refuses a cosine that ends too early, and steps or a warm-up that never come to their end.

    A cosine may be longer than the training, which then ends at a higher rate.

    Args:
      optimizer: the group of that name of a config; fields that it lacks are off.
      updates: the number of updates that each network makes, by its name.

    Raises:
      UserError: names the field, its value, and the number of updates.
    """
    if not updates:
        return
    network = max(updates, key=lambda name: updates[name])
    most = updates[network]
    makes = f"the {network} network makes {most:,} updates in config.phases"
    cosine, steps, warm_up = (optimizer.get(name) for name in ("cosine", "steps", "warm_up"))
    if cosine and cosine < most:
        raise UserError(
            f"config.optimizer.cosine is {cosine:,} and {makes}: at a learning rate of 0 for the "
            f"last {most - cosine:,}: set it to {most} or more, or shorten the phases"
        )
    most_of_all = f"no network makes more than {most:,} updates in config.phases"
    if steps and steps[-1] >= most:
        raise UserError(
            f"config.optimizer.steps has {steps[-1]:,} and {most_of_all}: leave out the steps that "
            "never come, or lengthen the phases"
        )
    if warm_up and warm_up > most:
        raise UserError(
            f"config.optimizer.warm_up is {warm_up:,} and {most_of_all}: the learning rate would "
            f"never be reached: set it to at most {most}, or lengthen the phases"
        )
