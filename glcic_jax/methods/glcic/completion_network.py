"""Builds the completion network C of GLCIC (Iizuka et al. 2017, table 2)."""

from functools import partial
from typing import Any, ClassVar

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from glcic_jax.layers.precision import widened
from glcic_jax.layers.torch_layers import TORCH_SCALE, Convolution, Deconvolution, NormRelu
from glcic_jax.methods.glcic.table2 import (
    CONVOLUTION,
    DECONVOLUTION,
    DILATED,
    OUTPUTS,
    STRIDE,
    Form,
    layers,
    shortcuts,
)
from glcic_jax.types import Image

KINDS = {CONVOLUTION: Convolution, DECONVOLUTION: Deconvolution}
"""The modules of the layers of table 2."""


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
      output: a key of OUTPUTS in table2.py.
      scale: a key of SCALES in layers/torch_layers.py, the initial scales of batch norm.
      dilated_layers: number of dilated layers; see `layers` in table2.py.
      stride: height and width of the input must be multiples of this, in pixels (two halvings).
    """

    stride: ClassVar[int] = STRIDE

    train: bool
    width: int = 64
    axis_name: tuple[str, ...] | None = None
    dtype: Any = jnp.float32
    relu_first: bool = False
    norm: bool = True
    output: str = "sigmoid"
    scale: str = TORCH_SCALE
    dilated_layers: int = DILATED

    @nn.compact
    def __call__(self, x: Float[Array, "b h w 4"]) -> Image:
        """Maps `completion_input` to float32 RGB, known pixels included; see OUTPUTS for ranges."""
        adds, outputs = self.form.adds, {}
        added = shortcuts(self.dilated_layers) if adds else {}
        for number, (kind, halves, options) in layers(self.dilated_layers).items():
            features = halves * self.width // 2
            make = partial(KINDS[kind], features, dtype=self.dtype, name=f"layer{number}")
            x = make(**options)(x)
            x = self._norm(number)(x) if self.norm else nn.relu(x)
            if number in added:
                x = x + outputs[added[number]]
            outputs[number] = x
        x = Convolution(3, dtype=self.dtype, silent=adds, name="layer17")(x)
        return OUTPUTS[self.output](widened(x))

    def _norm(self, number: str) -> NormRelu:
        return NormRelu(
            self.train,
            self.axis_name,
            self.dtype,
            self.relu_first,
            self.scale,
            name=f"norm{number}",
        )

    @property
    def form(self) -> Form:
        """Returns what describes the network in inference."""
        return Form(self.width, self.relu_first, self.norm, self.output, self.dilated_layers)

    @property
    def reach(self) -> int:
        """Returns how many pixels around a pixel its output depends on."""
        return self.form.reach
