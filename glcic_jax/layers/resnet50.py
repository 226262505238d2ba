"""Computes features that losses compare, by the dilated ResNet-50 of CSAIL's segmentation networks.

He et al. 2016, with the stem of three 3x3 convolutions and the dilations of Zhou et al. 2018
(github.com/CSAILVision/semantic-segmentation-pytorch, "resnet50dilated"). The last two stages do
not halve the picture: their features keep an eighth of its edge, and see all of 256 pixels. It is a
plain function of weights that the user brings. Nothing here is trained.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from glcic_jax.layers.convolution import convolution
from glcic_jax.layers.ops import NORM_EPSILON
from glcic_jax.layers.vgg16 import DEVIATION, MEAN
from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.tensor_files import read_safetensors, read_tensors
from glcic_jax.types import Image

STEM = (64, 64, 128)
"""Channels after each of the first three convolutions; the first halves the picture."""

STAGES = ((3, 64, 1, 1), (4, 128, 2, 1), (6, 256, 1, 2), (3, 512, 1, 4))
"""Blocks, inner channels, stride and dilation of each stage. The first block of a dilated stage has
half its dilation, as there."""

EXPANSION = 4
"""Channels that leave a block, in units of its inner channels."""

Weights = Mapping[str, Any]
"""For each convolution's name its kernel [k, k, i, o] and bias [o], with batch norm folded in."""


def resnet50(weights: Weights, image: Image, dtype=jnp.float32) -> list[Float[Array, "b h w c"]]:
    """Returns what leaves the four stages: 256 to 2,048 channels, h/4 and three times h/8 rows.

    Args:
      weights: what `read_resnet50` returns.
      image: RGB in [0, 1] or a little beyond.
      dtype: precision of the arithmetic and of the features.
    """
    x = ((image - jnp.array(MEAN)) / jnp.array(DEVIATION)).astype(dtype)

    def convolve(x: Array, name: str, stride: int = 1, dilation: int = 1) -> Array:
        kernel, bias = (jnp.asarray(weight, dtype) for weight in weights[name])
        if len(kernel) == 1:
            return x[:, ::stride, ::stride] @ kernel[0, 0] + bias
        return convolution(x, kernel, stride, dilation) + bias

    for number in range(1, len(STEM) + 1):
        x = jax.nn.relu(convolve(x, f"conv{number}", stride=2 if number == 1 else 1))
    x = lax.reduce_window(
        x, -jnp.inf, lax.max, (1, 3, 3, 1), (1, 2, 2, 1), ((0, 0), (1, 1), (1, 1), (0, 0))
    )
    features = []
    for stage, (blocks, _, stride, dilation) in enumerate(STAGES, start=1):
        for block in range(blocks):
            name, first = f"layer{stage}.{block}", block == 0
            y = jax.nn.relu(convolve(x, f"{name}.conv1"))
            own = max(dilation // 2, 1) if first else dilation
            y = jax.nn.relu(convolve(y, f"{name}.conv2", stride if first else 1, own))
            y = convolve(y, f"{name}.conv3")
            skipped = convolve(x, f"{name}.downsample.0", stride) if first else x
            x = jax.nn.relu(y + skipped)
        features.append(x)
    return features


@cache
def read_resnet50(path: Path) -> Weights:
    """Reads the encoder's weights. Each file is read only once.

    Args:
      path: encoder_epoch_20.pth of "ade20k-resnet50dilated-ppm_deepsup", which is read without
        running what it holds, or a .safetensors file with the same names.

    Raises:
      UserError: the file cannot be read, is damaged, or holds another network.
    """
    tree = read_safetensors(path) if path.suffix == ".safetensors" else read_tensors(path)
    state = tree if isinstance(tree, dict) else {}
    weights, inputs = {}, 3
    for number, outputs in enumerate(STEM, start=1):
        weights[f"conv{number}"] = _folded(
            path, state, f"conv{number}", f"bn{number}", (outputs, inputs, 3, 3)
        )
        inputs = outputs
    for stage, (blocks, inner, *_) in enumerate(STAGES, start=1):
        for block in range(blocks):
            name, outer = f"layer{stage}.{block}", EXPANSION * inner
            shapes = ((inner, inputs, 1, 1), (inner, inner, 3, 3), (outer, inner, 1, 1))
            for number, shape in enumerate(shapes, start=1):
                own = f"{name}.conv{number}"
                weights[own] = _folded(path, state, own, f"{name}.bn{number}", shape)
            if block == 0:
                own, norm = f"{name}.downsample.0", f"{name}.downsample.1"
                weights[own] = _folded(path, state, own, norm, (outer, inputs, 1, 1))
            inputs = outer
    return weights


def _folded(
    path: Path, state: dict, name: str, norm: str, shape: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Returns a kernel and a bias that do what a convolution and its batch norm do."""
    kernel = _tensor(path, state, f"{name}.weight", shape)
    parts = ("weight", "bias", "running_mean", "running_var")
    scale, bias, mean, var = (_tensor(path, state, f"{norm}.{p}", shape[:1]) for p in parts)
    spread = scale / np.sqrt(var + NORM_EPSILON)
    folded = (kernel * spread[:, None, None, None]).transpose(2, 3, 1, 0)
    return np.ascontiguousarray(folded), bias - mean * spread


def _tensor(path: Path, state: dict, name: str, shape: tuple[int, ...]) -> np.ndarray:
    tensor = state.get(name)
    found = tensor.shape if isinstance(tensor, np.ndarray) else "absent"
    if found != shape:
        raise UserError(
            f"{path}: weights of another network: {name} is {found} where CSAIL's dilated "
            f"ResNet-50 has {shape}; for VGG16 set perceptual_network to vgg16"
        )
    return np.asarray(tensor, np.float32)
