"""Finds the PyTorch program whose network a state dict holds, or that can load a network."""

from pathlib import Path

from glcic_jax.convert import (
    pytorch_folded,
    pytorch_glcic,
    pytorch_lama,
    pytorch_partial_conv,
    pytorch_smooth,
)
from glcic_jax.runtime.errors import UserError
from glcic_jax.weights.glcic import CompletionWeights
from glcic_jax.weights.lama import LamaWeights
from glcic_jax.weights.partial_conv import PartialWeights
from glcic_jax.weights.trained import Rgb, Tensors, Weights


def from_state_dict(state: Tensors, mean_pixel: str | None, source: str) -> Weights:
    """Returns the network of a state dict; its names show which program wrote it.

    Args:
      state: arrays by name.
      mean_pixel: "R,G,B" in [0, 1], for programs whose files do not hold it.
      source: the file, for messages.

    Raises:
      UserError: it is another network, or a mean pixel is given where it is known.
    """
    # Programs that ran on several GPUs put "module." before all names.
    state = {name.removeprefix("module."): t for name, t in state.items()}
    colour = _colour(mean_pixel) if mean_pixel is not None else None
    if pytorch_smooth.FIRST in state:
        if colour:
            raise UserError(f"{source} holds its mean pixel itself: leave --mean-pixel out")
        return pytorch_smooth.from_state_dict(state, source)
    if pytorch_lama.prefix_of(state) is not None:
        if colour:
            raise UserError(f"{source} sees black holes: leave --mean-pixel out")
        return pytorch_lama.from_state_dict(state, source)
    if any(prefix + pytorch_lama.REGULAR in state for prefix in pytorch_lama.PREFIXES):
        raise UserError(
            f"{source}: a network of LaMa's authors without Fourier convolutions: only those with "
            "them are read, such as big-lama and lama-fourier"
        )
    if pytorch_partial_conv.FIRST not in state:
        return pytorch_glcic.from_state_dict(state, colour, source)
    if colour:
        raise UserError(f"{source} is centred at ImageNet's mean: leave --mean-pixel out")
    return pytorch_partial_conv.from_state_dict(state, source)


def _colour(text: str) -> Rgb:
    try:
        red, green, blue = (float(part) for part in text.split(","))
    except ValueError:
        red = green = blue = -1.0
    if not all(0 <= value <= 1 for value in (red, green, blue)):
        raise UserError(f"--mean-pixel {text}: write three numbers in 0 to 1, such as .46,.45,.42")
    return red, green, blue


def to_state_dict(weights: Weights, path: Path) -> tuple[str, Tensors]:
    """Returns the name of a PyTorch program, and the state dict that it loads.

    Args:
      weights: the network.
      path: the file that is asked for, for messages.

    Raises:
      UserError: no PyTorch program has this network.
    """
    if isinstance(weights, LamaWeights):
        return pytorch_lama.to_state_dict(weights)
    if isinstance(weights, PartialWeights):
        return pytorch_partial_conv.to_state_dict(weights)
    if isinstance(weights, CompletionWeights) and weights.output == "difference":
        return pytorch_smooth.to_state_dict(weights)
    if isinstance(weights, CompletionWeights) and not weights.norm:
        return pytorch_folded.to_folded_state_dict(weights)
    if isinstance(weights, CompletionWeights):
        return pytorch_glcic.to_state_dict(weights)
    raise UserError(f"{path}: no PyTorch program is known that has a {weights}: write a folder")
