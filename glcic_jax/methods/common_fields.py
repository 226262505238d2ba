"""Describes fields that several methods have, so that they mean the same everywhere."""

from typing import Any

from glcic_jax.methods.optimizers import STEP_FACTOR
from glcic_jax.runtime.field_kinds import Number, Several, Switch, Whole
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


AROUND = {
    "cosine": Field(
        UPDATES,
        "over which the learning rate falls to 0 by half a cosine, counted from each network's "
        "first; 0 = it stays, as in the papers",
        "updates",
        default=0,
    ),
    "warm_up": Field(
        UPDATES,
        "first ones of each network, over which the learning rate rises; 0 = none",
        "updates",
        default=0,
    ),
    "steps": Field(
        Several(Whole(1), tuple(range(33)), ordered=True, distinct=True),
        "after which the learning rate is multiplied by step_factor, counted likewise",
        "updates",
        default=(),
    ),
    "step_factor": Field(Number(0, open_ends="least"), "of each of steps", default=STEP_FACTOR),
    "clip": Field(
        Number(), "largest norm of a network's gradients, to which larger ones shrink; 0 = none",
        default=0.0,
    ),
    "weight_decay": Field(
        Number(),
        "share of the kernels that each update takes away, times the learning rate; 0 = none; with "
        "adam it is AdamW (Loshchilov and Hutter 2019)",
        default=0.0,
    ),
}  # fmt: skip
"""What every optimizer may have around it, off unless it is set, by names within its group."""


DISCRIMINATOR_RATE = rate(
    "the discriminator's own learning rate (Heusel et al. 2017); 0 = as the other network's", 0.0
)


def adam(meaning: str) -> dict[str, Field]:
    """Describes the optimizer of a method that always has Adam."""
    return {
        "optimizer.learning_rate": rate(meaning),
        "optimizer.b1": decay("decay of Adam's average of gradients"),
        "optimizer.b2": decay("decay of Adam's average of squares"),
        **{f"optimizer.{name}": field for name, field in AROUND.items()},
    }


def _moments(b1: float, b2: float, eps: float | None) -> dict[str, Field]:
    """Describes the decays of Adam and its kin, and what they add to the root."""
    fields = {
        "b1": decay("decay of the average of gradients", b1),
        "b2": decay("decay of the average of squares", b2),
    }
    return fields if eps is None else {**fields, "eps": _eps("added to the root", eps)}


def _eps(meaning: str, default: float) -> Field:
    return Field(Number(0, open_ends="least"), meaning, default=default)


_MOVE = rate("size of each move", 1e-3)
_LARGE_MOVE = rate("size of each move", 1e-2)
_SMALL_MOVE = rate("size of each move", 1e-4)
_MOMENTUM = decay("momentum", 0.0)
_ADAM = {"learning_rate": _MOVE, **_moments(0.9, 0.999, 1e-8)}
_OPTIMISM = {
    "alpha": Field(Number(), "weight of each move (Daskalakis et al. 2018)", default=1.0),
    "beta": Field(Number(), "weight of its change since the update before", default=1.0),
}

OPTIMIZERS = Alternatives(
    "name",
    "Adadelta (Zeiler 2012), the paper's, Adam (Kingma and Ba 2015), or another of Optax",
    {
        "adadelta": {
            "learning_rate": rate("factor of each move", 1.0),
            "rho": decay("decay of Adadelta's averages", 0.9),
            "eps": _eps("added below the root", 1e-6),
        },
        "adam": _ADAM,
        "adabelief": {"learning_rate": _MOVE, **_moments(0.9, 0.999, 1e-16)},
        "adagrad": {
            "learning_rate": _LARGE_MOVE,
            "initial_accumulator_value": Field(Number(), "of the sum of squares", default=0.1),
            "eps": _eps("added to the root", 1e-7),
        },
        "adamax": _ADAM,
        "adan": {
            "learning_rate": _MOVE,
            **_moments(0.98, 0.92, 1e-8),
            "b3": decay("decay of the average of squares of differences", 0.99),
        },
        "amsgrad": _ADAM,
        "lion": {"learning_rate": _SMALL_MOVE, **_moments(0.9, 0.99, None)},
        "nadam": _ADAM,
        "optimistic_adam_v2": {**_ADAM, **_OPTIMISM},
        "optimistic_gradient_descent": {"learning_rate": _LARGE_MOVE, **_OPTIMISM},
        "radam": {**_ADAM, "threshold": Field(Number(), "of variance rectification", default=5.0)},
        "rmsprop": {
            "learning_rate": _MOVE,
            "decay": decay("decay of the average of squares", 0.9),
            "eps": _eps("added below the root", 1e-8),
            "momentum": _MOMENTUM,
            "centered": Field(Switch(), "subtract the squared mean", default=False),
        },
        "sgd": {
            "learning_rate": _LARGE_MOVE,
            "momentum": _MOMENTUM,
            "nesterov": Field(Switch(), "look ahead with the momentum", default=False),
        },
        "sign_sgd": {"learning_rate": _SMALL_MOVE},
        "signum": {
            "learning_rate": _SMALL_MOVE,
            "beta": decay("decay of the average of gradients, of which it takes the signs", 0.9),
        },
        "yogi": {"learning_rate": _LARGE_MOVE, **_moments(0.9, 0.999, 1e-3)},
    },
    {**AROUND, "discriminator_learning_rate": DISCRIMINATOR_RATE},
    {
        f"{name}w": f"it is {name} with optimizer.weight_decay"
        for name in ("adam", "adamax", "nadam")
    }
    | dict.fromkeys(
        ("lamb", "lars", "novograd", "fromage", "adafactor", "sm3"),
        "it looks at whole layers, which fsdp could not split",
    ),
)
"""The optimizers that can be chosen by name. The first is that of a config without a name. Their
settings have Optax's defaults; learning rates, which Optax has none of, have common ones."""
