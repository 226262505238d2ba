"""Makes optimizers by their names: Optax's rules, with schedules, clipping and weight decay around.

What is off leaves no trace: the optimizer and its state are then those of Optax alone, so runs of
versions that had none of it go on.
"""

from collections.abc import Callable
from inspect import signature
from typing import Any

import jax
import jax.numpy as jnp
import optax

from glcic_jax.methods.checks import check_choice
from glcic_jax.runtime.devices import split_over_fsdp
from glcic_jax.runtime.errors import UserError

OPTIMIZERS: dict[str, Callable[..., optax.GradientTransformation]] = {
    "adadelta": optax.adadelta,
    "adam": optax.adam,
    "adabelief": optax.adabelief,
    "adagrad": optax.adagrad,
    "adamax": optax.adamax,
    "adan": optax.adan,
    "amsgrad": optax.amsgrad,
    "lion": optax.lion,
    "nadam": optax.nadam,
    "optimistic_adam_v2": optax.optimistic_adam_v2,
    "optimistic_gradient_descent": optax.optimistic_gradient_descent,
    "radam": optax.radam,
    "rmsprop": optax.rmsprop,
    "sgd": optax.sgd,
    "sign_sgd": optax.sign_sgd,
    "signum": optax.signum,
    "yogi": optax.yogi,
}
"""Optax's optimizers that treat each number by itself, so that `fsdp` can split them, and whose
rate may follow a schedule. AdamW, AdaMaxW and NAdamW are adam, adamax and nadam with a weight
decay. Left out are those that look at whole layers (LAMB, LARS, NovoGrad, Fromage, Adafactor, SM3),
take no schedule (Rprop, the first optimistic_adam), or need more than gradients (L-BFGS and
Polyak's SGD the loss, noisy SGD random numbers)."""

STEP_FACTOR = 0.1
"""What each of `steps` multiplies the learning rate by."""


def optimizer_of(
    name: str = "adadelta",
    *,
    learning_rate: float,
    cosine: int = 0,
    warm_up: int = 0,
    steps: tuple[int, ...] = (),
    step_factor: float = STEP_FACTOR,
    clip: float = 0.0,
    weight_decay: float = 0.0,
    **settings: Any,
) -> optax.GradientTransformation:
    """Returns the optimizer of that name, which FSDP can split. Call its update inside shard_map.

    Args:
      name: a key of OPTIMIZERS.
      learning_rate: the largest one.
      cosine: as in `schedule`.
      warm_up: likewise.
      steps: likewise.
      step_factor: likewise.
      clip: the largest norm of all gradients of a network together; larger ones are scaled down to
        it (Pascanu et al. 2013). 0 = none.
      weight_decay: share of the kernels, times the learning rate, that each update takes away,
        apart from the gradients (Loshchilov and Hutter 2019). Biases and scales do not decay.
      settings: those that Optax has for the optimizer.

    Raises:
      UserError: there is no such optimizer, it has no such setting, or two schedules are asked for.
    """
    check_choice("optimizer.name", name, OPTIMIZERS)
    make = OPTIMIZERS[name]
    taken = signature(make).parameters
    for setting in settings:
        if setting not in taken:
            raise UserError(f"optimizer.{setting}: {name} has no such setting")
    rate = schedule(learning_rate, cosine, warm_up, steps, step_factor)
    if name == "lion":
        settings["weight_decay"] = 0.0  # Optax's own default is not 0
    optimizer = make(learning_rate=rate, **settings)
    if weight_decay:
        optimizer = optax.chain(optimizer, _decay(rate, weight_decay))
    optimizer = split_over_fsdp(optimizer)
    # Outside of the split: a norm is that of all parts together.
    return optax.chain(optax.clip_by_global_norm(clip), optimizer) if clip else optimizer


def pair_of(
    *, discriminator_learning_rate: float = 0.0, **settings: Any
) -> tuple[optax.GradientTransformation, optax.GradientTransformation]:
    """Returns the optimizer of a network that completes, and that of its discriminator.

    Args:
      discriminator_learning_rate: the latter's own (Heusel et al. 2017); 0 = the same.
      settings: as in `optimizer_of`.

    Raises:
      UserError: as `optimizer_of`.
    """
    own = dict(settings)
    if discriminator_learning_rate:
        own["learning_rate"] = discriminator_learning_rate
    return optimizer_of(**settings), optimizer_of(**own)


def schedule(
    rate: float,
    cosine: int = 0,
    warm_up: int = 0,
    steps: tuple[int, ...] = (),
    step_factor: float = STEP_FACTOR,
) -> float | optax.Schedule:
    """Returns a learning rate: a number, or a function of the updates that a network has had.

    Args:
      rate: the largest one.
      cosine: updates over which it falls to 0 by half a cosine (Loshchilov and Hutter 2017); 0 = it
        stays.
      warm_up: first updates, in which what the others give is multiplied by 1 / warm_up,
        2 / warm_up, ... (Goyal et al. 2017); 0 = none.
      steps: updates after which it is multiplied by `step_factor`, ascending.
      step_factor: see there.

    Raises:
      UserError: both `cosine` and `steps` are set.
    """
    if cosine and steps:
        raise UserError("optimizer.cosine and optimizer.steps are two schedules: set one of them")
    found: float | optax.Schedule = rate
    if cosine:
        found = optax.cosine_decay_schedule(rate, cosine)
    elif steps:
        found = optax.piecewise_constant_schedule(rate, dict.fromkeys(steps, step_factor))
    if not warm_up:
        return found
    later = found if callable(found) else optax.constant_schedule(found)
    return lambda count: later(count) * jnp.minimum(1, (count + 1) / warm_up)


def _decay(rate: float | optax.Schedule, share: float) -> optax.GradientTransformation:
    """Takes a share of the kernels away, after the optimizer has made its moves."""
    taken = (lambda count: -share * rate(count)) if callable(rate) else -share * rate
    kernels = lambda params: jax.tree.map(lambda leaf: leaf.ndim > 1, params)  # noqa: E731
    return optax.add_decayed_weights(taken, kernels)
