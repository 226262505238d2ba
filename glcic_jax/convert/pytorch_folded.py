"""Writes completion networks, batch norm folded, for the class of GLCIC-PyTorch.

The class is CompletionNetwork in models.py of github.com/otenim/GLCIC-PyTorch. It has the paper's
layers, but ReLU before batch norm, so trained batch norm has no place in it. A network whose batch
norm is folded into its convolutions has: its ReLU follows the convolution, and the batch norm of
the class does nothing.
"""

import numpy as np

from glcic_jax.convert.pytorch_glcic import BLACK, DIALECTS
from glcic_jax.convert.pytorch_layout import to_torch
from glcic_jax.runtime.errors import UserError
from glcic_jax.weights.glcic import EPSILON, LAYERS, CompletionWeights, completion_shapes
from glcic_jax.weights.trained import Tensors

TITLE = "GLCIC-PyTorch"
"""The program's name, a key of DIALECTS."""

WIDTH = 64
"""Channels of the first layer of the class, which has no setting for them."""

IDENTITY = {"scale": 1.0, "bias": 0.0, "mean": 0.0, "var": 1 - EPSILON}
"""Batch norm that changes nothing, not even by rounding: in float32 `var` and EPSILON add up to
1."""


def to_folded_state_dict(weights: CompletionWeights) -> tuple[str, Tensors]:
    """Converts a network with folded batch norm to what the class loads, with `strict=True` too.

    The class is shown pictures that are not centred, with the mean pixel in the hole. So the first
    layer's bias takes the mean pixel over. That is exact where the layer sees only the picture. The
    zeros beyond its edge are the mean pixel to our network, and black to the class.

    Args:
      weights: from `fold`.

    Returns:
      The program's title, and float32 arrays by all the names of the class's state dict; the
      counters of batches are int64.

    Raises:
      UserError: the class has no such network.
    """
    if (weights.output, weights.scale, weights.fill_pixel) != ("sigmoid", 1, BLACK):
        raise UserError(
            "no PyTorch program is known whose network computes as this one: leave --fold out"
        )
    shapes = completion_shapes(WIDTH)
    convolutions = {name: shape for name, shape in shapes.items() if name.startswith("layer")}
    if weights.width != WIDTH:
        raise UserError(
            f"{TITLE}'s network is {WIDTH} channels wide, and this one {weights.width}: leave "
            "--fold out, for an nn.Sequential"
        )
    if {name: tensor.shape for name, tensor in weights.tensors.items()} != convolutions:
        raise UserError(f"{TITLE}'s network has {len(LAYERS)} layers, and this one has others")
    tensors = dict(weights.tensors)
    kernel, bias = (
        tensors[f"layer1.conv.{part}"].astype(np.float64) for part in ("kernel", "bias")
    )
    centring = np.einsum("hwio,i->o", kernel[:, :, :3], weights.mean_pixel)
    tensors["layer1.conv.bias"] = (bias - centring).astype(np.float32)
    for name in shapes.keys() - convolutions.keys():
        part = name.rpartition(".")[2]
        tensors[name] = np.full(shapes[name], IDENTITY[part], np.float32)
    dialect = DIALECTS[TITLE]
    counters = {
        f"{dialect.norm(number)}.num_batches_tracked": np.zeros((), np.int64)
        for number in LAYERS[:-1]
    }
    return TITLE, to_torch(tensors, dialect.names()) | counters
