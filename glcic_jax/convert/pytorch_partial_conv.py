"""The partial-convolution network of pytorch-inpainting-with-partial-conv (naoto0804, GitHub).

Its arithmetic differs from ours in ways that weights can take up, so that no option is needed:

- it divides by the number of known values in the window, the paper multiplies by the window's size
  besides: kernels are multiplied here by one over that size;
- pictures go in, and come out, around ImageNet's mean and divided by its deviation: the deviation
  is multiplied into the first kernel, and into what the last one has of the picture and gives;
- convolutions have no bias but for the last: ours are 0.

Masks there are 1 where pixels are known, and have three channels; of its masks all are alike. The
padding is known to be hole in both. It takes multiples of 2**levels pixels only.
"""

from pathlib import Path

import numpy as np

from glcic_jax.convert.pytorch_layout import NORM_PARTS, from_torch, shape_text, to_torch
from glcic_jax.runtime.errors import UserError
from glcic_jax.weights.partial_conv import PartialWeights, unet_shapes
from glcic_jax.weights.trained import Tensors

TITLE = "pytorch-inpainting-with-partial-conv"
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet: what its pictures are normalised by."""

FIRST = "enc_1.conv.input_conv.weight"
"""By which its files are told."""

MASK = ".conv.mask_conv.weight"
"""Ends the names of kernels of ones, which count what is known."""


def from_state_dict(state: Tensors, source: str) -> PartialWeights:
    """A partial-convolution network from that program's names.

    Args:
      state: arrays by name, FIRST among them.
      source: the file, for messages.

    Raises:
      UserError: another network, or values that are no numbers.
    """
    first = state[FIRST]
    width = len(first) if first.ndim else 0
    levels = sum(f"enc_{level}.conv.input_conv.weight" in state for level in range(1, 9))
    if not width or levels < 2:
        raise UserError(
            f"{source}: {FIRST} is {shape_text(first.shape)}, expected Wx3x7x7, and enc_2 to be "
            "there"
        )
    for name, kernel in state.items():
        if name.endswith(MASK) and not np.all(kernel == 1):
            raise UserError(f"{source}: {name} is not all 1: no mask is counted so")
    own = {name: tensor for name, tensor in state.items() if not name.endswith(MASK)}
    names = {
        theirs: ours
        for theirs, ours in _names(levels).items()
        if theirs in own or not theirs.endswith("input_conv.bias")
    }
    network = f"a partial-convolution network of width {width} and {levels} levels"
    tensors = from_torch(own, names, unet_shapes(width, levels), network, source)
    return PartialWeights(
        tensors=_scaled(tensors, 1),
        mean_pixel=MEAN,
        source=f"{Path(source).name} ({TITLE})",
    )


def to_state_dict(weights: PartialWeights) -> tuple[str, Tensors]:
    """The way back, equal to rounding: the program's name, and arrays by its names.

    Raises:
      UserError: its network cannot do what this one does.
    """
    if not np.allclose(weights.mean_pixel, MEAN):
        raise UserError(
            f"{TITLE} centres pictures at ImageNet's mean, this network was trained at another: "
            "choose another kind of file"
        )
    if weights.tensors["encode1.bias"].any():
        raise UserError(
            f"{TITLE} has no bias in the first layer, this network has one: choose another kind of "
            "file"
        )
    tensors = _scaled(weights.tensors, -1)
    names = _names(weights.levels)
    for theirs, ours in list(names.items()):
        if theirs.endswith("input_conv.bias") and ours != "decode1.bias":
            del names[theirs]
            if ours != "encode1.bias":  # batch norm makes up for it
                mean = ours.replace("code", "code_norm").replace("bias", "mean")
                tensors[mean] = tensors[mean] - tensors[ours]
    state = to_torch(tensors, names)
    ones = {
        name.replace("input_conv", "mask_conv"): np.ones_like(kernel)
        for name, kernel in state.items()
        if name.endswith("input_conv.weight")
    }
    return TITLE, state | ones


def _names(levels: int) -> dict[str, str]:
    """Our names by theirs, biases that most convolutions there lack among them."""
    names = {}
    for side, ours in (("enc", "encode"), ("dec", "decode")):
        for level in range(1, levels + 1):
            for theirs, own in (("weight", "kernel"), ("bias", "bias")):
                names[f"{side}_{level}.conv.input_conv.{theirs}"] = f"{ours}{level}.{own}"
            for own, theirs in NORM_PARTS.items() if level > 1 else ():
                names[f"{side}_{level}.bn.{theirs}"] = f"{ours}_norm{level}.{own}"
    return names


def _scaled(tensors: Tensors, power: int) -> Tensors:
    """Window sizes and the deviation multiplied into the kernels; with power -1 taken out again."""
    deviation = np.asarray(DEVIATION)
    scaled = {name: tensor.astype(np.float64) for name, tensor in tensors.items()}
    for name, kernel in scaled.items():
        if name.endswith(".kernel"):
            scaled[name] = kernel / np.float64(np.prod(kernel.shape[:3])) ** power
    scaled["encode1.kernel"] = scaled["encode1.kernel"] / deviation[:, None] ** power
    last = scaled["decode1.kernel"] * deviation**power
    last[:, :, -3:] /= deviation[:, None] ** power  # the picture lies behind the features
    scaled["decode1.kernel"] = last
    scaled["decode1.bias"] = scaled["decode1.bias"] * deviation**power
    return {name: tensor.astype(np.float32) for name, tensor in scaled.items()}
