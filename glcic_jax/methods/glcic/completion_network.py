"""The completion network C of GLCIC (Iizuka et al. 2017, table 2)."""

from functools import partial
from typing import Any, ClassVar

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from glcic_jax.layers.precision import widened
from glcic_jax.layers.torch_layers import Convolution, Deconvolution, NormRelu
from glcic_jax.types import Image

# Layers 1 to 16: kind, channels in units of `width` / 2, and what sets the layer apart.
# Every one of them is followed by batch norm and ReLU; layer 17 is not.
LAYERS = (
    (Convolution, 2, {"kernel": 5}),
    (Convolution, 4, {"stride": 2}),
    (Convolution, 4, {}),
    (Convolution, 8, {"stride": 2}),
    (Convolution, 8, {}),
    (Convolution, 8, {}),
    (Convolution, 8, {"dilation": 2}),
    (Convolution, 8, {"dilation": 4}),
    (Convolution, 8, {"dilation": 8}),
    (Convolution, 8, {"dilation": 16}),
    (Convolution, 8, {}),
    (Convolution, 8, {}),
    (Deconvolution, 4, {}),
    (Convolution, 4, {}),
    (Deconvolution, 2, {}),
    (Convolution, 1, {}),
)

OUTPUTS = {
    "sigmoid": nn.sigmoid,
    "clip": lambda x: (jnp.clip(x, -1, 1) + 1) / 2,
    "difference": nn.tanh,
}
"""What the last layer ends with: the paper's; for ports that work in [-1, 1]; and for networks that
see holes filled smoothly, a difference to that in [-1, 1]. The first two give RGB in [0, 1]."""

SHORTCUTS = {number: number - 1 for number in range(6, 13)} | {13: 3, 15: 1}
"""Not the paper's: what a layer gives, and the earlier one whose output is added to it (He et al.
2016). Only where C gives a difference: 17 plain layers learned nothing from that faint a signal."""


class CompletionNetwork(nn.Module):
    """Fully convolutional; 6,072,131 parameters at the paper's `width` of 64.

    `relu_first` and `norm` are for weights that were trained elsewhere.

    Attributes:
      train: use, and update, batch statistics.
      width: channels of the first layer; all others are multiples of half of it.
      axis_name: devices over which batch norm takes its statistics, or None for each alone.
      dtype: of the arithmetic; parameters and statistics are float32.
      relu_first: rectify before batch norm, as some ports do.
      norm: False if batch norm is folded into the convolutions.
      output: a key of OUTPUTS.
      stride: height and width of the input must be multiples of this (two halvings).
      reach: pixels around a pixel that its output depends on: half of the 307 that the paper
        counts.
    """

    stride: ClassVar[int] = 4
    reach: ClassVar[int] = 153

    train: bool
    width: int = 64
    axis_name: tuple[str, ...] | None = None
    dtype: Any = jnp.float32
    relu_first: bool = False
    norm: bool = True
    output: str = "sigmoid"

    @nn.compact
    def __call__(self, x: Float[Array, "b h w 4"]) -> Image:
        """Maps `completion_input` to float32 RGB, as `output` has it, known pixels included."""
        adds, given = self.output == "difference", {}
        for number, (layer, halves, options) in enumerate(LAYERS, start=1):
            features = halves * self.width // 2
            make = partial(layer, features, dtype=self.dtype, name=f"layer{number}")
            x = make(**options)(x)
            if self.norm:
                x = NormRelu(
                    self.train, self.axis_name, self.dtype, self.relu_first, name=f"norm{number}"
                )(x)
            else:
                x = nn.relu(x)
            if adds and number in SHORTCUTS:
                x = x + given[SHORTCUTS[number]]
            given[number] = x
        x = Convolution(3, dtype=self.dtype, silent=adds, name="layer17")(x)
        return OUTPUTS[self.output](widened(x))
