"""The completion network C of GLCIC (Iizuka et al. 2017, table 2)."""

from functools import partial
from typing import Any, ClassVar

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from glcic_jax.layers.precision import widened
from glcic_jax.layers.torch_layers import TORCH_SCALE, Convolution, Deconvolution, NormRelu
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

DILATED, MOST_DILATED = 4, 8
"""Dilated layers of table 2, and the most that a network here can have. Section 4.8: "more dilated
convolutions" let a network fill larger holes. Further ones follow layer 10, each with twice the
dilation of the one before, as in table 2."""

REACH = 153
"""Pixels around a pixel that the output of the paper's form depends on: half of the 307 that the
paper counts (section 3.2)."""

OUTPUTS = {
    "sigmoid": nn.sigmoid,
    "clip": lambda x: (jnp.clip(x, -1, 1) + 1) / 2,
    "difference": nn.tanh,
}
"""Last functions of the network, by name. "sigmoid" is the paper's. "clip" is for ports that work
in [-1, 1]. Both give RGB in [0, 1]. "difference" is for networks that see smoothly filled holes:
their output in [-1, 1] is added to the smooth fill."""


def layers(dilated: int = DILATED) -> dict[str, tuple[Any, int, dict[str, int]]]:
    """Returns the layers before the last by their names: "1" to "16", as in table 2.

    Dilated layers beyond those of the table are "10_1", "10_2" and so on, after layer "10".

    Args:
      dilated: number of dilated layers, DILATED to MOST_DILATED.
    """
    table = [(str(number), layer) for number, layer in enumerate(LAYERS, start=1)]
    further = [
        (f"10_{number}", (Convolution, 8, {"dilation": 16 * 2**number}))
        for number in range(1, dilated - DILATED + 1)
    ]
    return dict(table[:10] + further + table[10:])


def shortcuts(dilated: int) -> dict[str, str]:
    """Returns the layers to whose outputs that of an earlier layer is added (He et al. 2016).

    They are not in the paper, and used only if `output` is "difference": 17 plain layers did not
    learn from so faint a signal.
    """
    names = list(layers(dilated))
    middle = names[names.index("5") : names.index("13")]
    return dict(zip(middle[1:], middle, strict=False)) | {"13": "3", "15": "1"}


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
      scale: a key of SCALES in layers/torch_layers.py, the initial scales of batch norm.
      dilated_layers: number of dilated layers; see `layers`.
      stride: height and width of the input must be multiples of this, in pixels (two halvings).
    """

    stride: ClassVar[int] = 4

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
        adds, outputs = self.output == "difference", {}
        added = shortcuts(self.dilated_layers) if adds else {}
        for number, (layer, halves, options) in layers(self.dilated_layers).items():
            features = halves * self.width // 2
            make = partial(layer, features, dtype=self.dtype, name=f"layer{number}")
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
    def reach(self) -> int:
        """Returns how many pixels around a pixel its output depends on.

        A further dilated layer adds its dilation, in pixels of a picture that was halved twice.
        """
        further = list(layers(self.dilated_layers).values())[
            10 : 10 + self.dilated_layers - DILATED
        ]
        return 153 + sum(self.stride * options["dilation"] for _, _, options in further)
