"""Reads the context discriminator that MMagic's GLCIC checkpoints hold beside the generator."""

import math

import numpy as np

from glcic_jax.runtime.errors import UserError
from glcic_jax.weights.trained import Tensors

SIDES = {"local": "disc.local_disc", "global": "disc.global_disc"}
NORM = {"weight": "scale", "bias": "bias", "running_mean": "mean", "running_var": "var"}


def from_mmagic(state: Tensors, source: str) -> Tensors:
    """Returns the tensors of a ContextDiscriminator by path.

    MMagic's discriminator takes pictures in [-1, 1], and puts the global side first. Ours begins
    with the local side, so the halves of the last layer's kernel are exchanged.

    Args:
      state: arrays by MMagic's names.
      source: the file, for messages.

    Returns:
      float32 tensors; none if the checkpoint holds no discriminator.

    Raises:
      UserError: a layer is missing, or its shape does not fit the others.
    """
    if not any(name.startswith("disc.") for name in state):
        return {}
    try:
        tensors = {}
        for side, prefix in SIDES.items():
            tensors |= {f"{side}.{name}": t for name, t in _side(state, prefix).items()}
        head = state["disc.fc.weight"]
        whole, patch = np.split(head, 2, axis=1)
        tensors["head.fc.kernel"] = np.concatenate([patch, whole], axis=1).T
        tensors["head.fc.bias"] = state["disc.fc.bias"]
    except KeyError as error:
        raise UserError(f"{source}: the discriminator lacks {error.args[0]}") from error
    except ValueError as error:
        raise UserError(f"{source}: not a GLCIC discriminator: {error}") from error
    return {name: np.ascontiguousarray(t, np.float32) for name, t in tensors.items()}


def _side(state: Tensors, prefix: str) -> Tensors:
    """Returns the tensors of one side: convolutions, batch norm and the fully connected layer."""
    tensors, number = {}, 1
    while f"{prefix}.conv{number}.conv.weight" in state:
        name = f"{prefix}.conv{number}"
        kernel = state[f"{name}.conv.weight"].transpose(2, 3, 1, 0)
        tensors[f"layer{number}.conv.kernel"] = kernel
        tensors[f"layer{number}.conv.bias"] = np.zeros(kernel.shape[-1])
        for theirs, own in NORM.items():
            tensors[f"norm{number}.norm.{own}"] = state[f"{name}.bn.{theirs}"]
        number += 1
    weight = state[f"{prefix}.fc.linear.weight"]  # out, (channels h w)
    channels = max(len(state[f"{prefix}.conv{number - 1}.bn.weight"]), 1)
    edge = math.isqrt(weight.shape[1] // channels)
    pixels = weight.reshape(len(weight), channels, edge, edge).transpose(2, 3, 1, 0)
    tensors["dense.fc.kernel"] = pixels.reshape(-1, len(weight))
    tensors["dense.fc.bias"] = state[f"{prefix}.fc.linear.bias"]
    return tensors
