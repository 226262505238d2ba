"""Converts completion networks that add to a smooth fill from and to PyTorch's state dicts.

No other program has this network, so the names are ours: `layerN` and `normN`, as in the exchange
format. The class in tests/helpers/smooth_pytorch.py takes them, and computes the smooth fill,
the shortcuts and all else that the file cannot hold.
"""

import numpy as np

from glcic_jax.convert.pytorch_layout import NORM_PARTS, from_torch, shape_text, to_torch
from glcic_jax.methods.glcic.table2 import DILATED, MOST_DILATED, layers
from glcic_jax.runtime.errors import UserError
from glcic_jax.weights.glcic import CompletionWeights, completion_shapes, kernel_name
from glcic_jax.weights.trained import Tensors

TITLE = "SmoothCompletion (tests/helpers/smooth_pytorch.py)"
"""The name of the class that takes the files."""

FIRST, MEAN = "layer1.weight", "mean_pixel"
"""Names of tensors that only these files hold."""


def to_state_dict(weights: CompletionWeights) -> tuple[str, Tensors]:
    """Converts a network with `output` "difference", folded or not, of any number of layers.

    Returns:
      The class's name; float32 arrays by all the names of its state dict, MEAN among them, where
      the counters of batches are int64.

    Raises:
      UserError: the network's arithmetic was changed by hand.
    """
    if weights.relu_first or weights.scale != 1:
        raise UserError("no PyTorch program is known whose network computes as this one")
    dilated, norm = weights.dilated_layers, weights.norm
    state = to_torch(weights.tensors, _names(dilated, norm))
    state[MEAN] = np.asarray(weights.mean_pixel, np.float32)
    for number in layers(dilated) if norm else ():
        state[f"norm{number}.num_batches_tracked"] = np.zeros((), np.int64)
    return TITLE, state


def from_state_dict(state: Tensors, source: str) -> CompletionWeights:
    """Returns the network of such a state dict.

    Args:
      state: arrays by name; FIRST is among them.
      source: the file, for messages.

    Raises:
      UserError: it is another network, holds values that are not finite, or lacks the mean pixel.
    """
    first, mean = state[FIRST], state.get(MEAN)
    width = len(first) if first.ndim else 0
    if first.shape != (width, 4, 5, 5) or width % 2:
        raise UserError(
            f"{source}: {FIRST} is {shape_text(first.shape)}, expected Wx4x5x5 with an even width "
            "W: RGB and mask in, 5x5 taps"
        )
    if mean is None or mean.shape != (3,) or not ((mean >= 0) & (mean <= 1)).all():
        raise UserError(f"{source}: {MEAN} must be three numbers in 0 to 1")
    norm = "norm1.weight" in state
    further = layers(MOST_DILATED).keys() - layers().keys()
    dilated = DILATED + sum(f"layer{number}.weight" in state for number in further)
    red, green, blue = (float(value) for value in mean)
    return CompletionWeights(
        tensors=from_torch(
            {name: tensor for name, tensor in state.items() if name != MEAN},
            _names(dilated, norm),
            completion_shapes(width, norm, dilated),
            f"a completion network of width {width} that adds to a smooth fill",
            source,
        ),
        output="difference",
        mean_pixel=(red, green, blue),
        source=source,
    )


def _names(dilated: int, norm: bool) -> dict[str, str]:
    """Returns our names by the file's."""
    names = {}
    for number in [*layers(dilated), "17"]:
        kernel = kernel_name(number)
        names[f"layer{number}.weight"] = kernel
        names[f"layer{number}.bias"] = kernel.replace("kernel", "bias")
        for own, theirs in NORM_PARTS.items() if norm and number != "17" else ():
            names[f"norm{number}.{theirs}"] = f"norm{number}.norm.{own}"
    return names
