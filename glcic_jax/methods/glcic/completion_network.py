"""The completion network C of GLCIC (Iizuka et al. 2017, table 2)."""

from functools import partial
from typing import Any, ClassVar

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from glcic_jax.layers.precision import widened
from glcic_jax.layers.torch_layers import Convolution, Deconvolution, NormRelu
from glcic_jax.types import Image

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
"""Layers 1 to 16 of table 2: kind, channels in units of `width` / 2, and what sets the layer apart.
Each is followed by batch norm and ReLU. Layer 17 is not."""

OUTPUTS = {
    "sigmoid": nn.sigmoid,
    "clip": lambda x: (jnp.clip(x, -1, 1) + 1) / 2,
    "difference": nn.tanh,
}
"""Last functions of the network, by name. "sigmoid" is the paper's. "clip" is for ports that work
in [-1, 1]. Both give RGB in [0, 1]. "difference" is for networks that see smoothly filled holes:
their output in [-1, 1] is added to the smooth fill."""

SHORTCUTS = {number: number - 1 for number in range(6, 13)} | {13: 3, 15: 1}
"""Layers to whose outputs that of an earlier layer is added (He et al. 2016). They are not in the
paper, and used only if `output` is "difference": 17 plain layers did not learn from so faint a
signal."""


class CompletionNetwork(nn.Module):
    """Completes pictures by convolutions alone: 6,072,131 parameters at the paper's `width` of 64.

    `relu_first` and `norm` are for weights that were trained elsewhere.

    Attributes:
      train: normalises by the batch's statistics, and updates the running ones.
      width: channels of the first layer. All others are multiples of half of it.
      axis_name: mesh axes over which batch norm takes its statistics; None = each device alone.
      dtype: precision of the arithmetic. Parameters and statistics are float32.
      relu_first: rectifies before batch norm, as some ports do.
      norm: False if batch norm is folded into the convolutions.
      output: a key of OUTPUTS.
      stride: height and width of the input must be multiples of this, in pixels (two halvings).
      reach: pixels around a pixel that its output depends on: half of the 307 that the paper counts
        (section 3.2).
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
        """Maps `completion_input` to float32 RGB, known pixels included; see OUTPUTS for ranges."""
        adds, outputs = self.output == "difference", {}
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
                x = x + outputs[SHORTCUTS[number]]
            outputs[number] = x
        x = Convolution(3, dtype=self.dtype, silent=adds, name="layer17")(x)
        return OUTPUTS[self.output](widened(x))
