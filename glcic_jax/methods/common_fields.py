"""Describes fields that several methods have, so that they mean the same everywhere."""

from typing import Any

from glcic_jax.runtime.field_kinds import Number, Whole
from glcic_jax.runtime.fields import REQUIRED, Alternatives, Field

LEARNING_RATE = Number()

WIDTH = Field(Whole(1, 4_096), "of the first layers", "channels")

UPDATES = Whole()


def phase(meaning: str) -> Field:
    """Describes the length of a phase."""
    return Field(UPDATES, meaning, "updates")


def rate(meaning: str, default: Any = REQUIRED) -> Field:
    """Describes a learning rate."""
    return Field(LEARNING_RATE, meaning, default=default)


def decay(meaning: str, default: Any = REQUIRED) -> Field:
    """Describes the decay of a moving average: a share below 1."""
    return Field(Number(0, 1, open_ends="most"), meaning, default=default)


def adam(meaning: str) -> dict[str, Field]:
    """Describes the optimizer of a method that always has Adam."""
    return {
        "optimizer.learning_rate": rate(meaning),
        "optimizer.b1": decay("decay of Adam's average of gradients"),
        "optimizer.b2": decay("decay of Adam's average of squares"),
    }


COSINE = Field(
    UPDATES,
    "over which the learning rate falls to 0 by half a cosine, counted from each network's first; "
    "0 = it stays, as in the papers",
    "updates",
    default=0,
)

OPTIMIZERS = Alternatives(
    "name",
    "Adadelta (Zeiler 2012), the paper's, or Adam (Kingma and Ba 2015)",
    {
        "adadelta": {
            "learning_rate": rate("factor of each move", 1.0),
            "rho": decay("decay of Adadelta's averages", 0.9),
            "eps": Field(Number(0, open_ends="least"), "added below the root", default=1e-6),
            "cosine": COSINE,
        },
        "adam": {
            "learning_rate": rate("size of each move", 1e-3),
            "b1": decay("decay of Adam's average of gradients", 0.9),
            "b2": decay("decay of Adam's average of squares", 0.999),
            "eps": Field(Number(0, open_ends="least"), "added to the root", default=1e-8),
            "cosine": COSINE,
        },
    },
)
"""The optimizers that can be chosen by name. The first is that of a config without a name."""
