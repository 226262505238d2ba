"""Describes the completion network C of GLCIC (Iizuka et al. 2017, table 2) without building it."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

CONVOLUTION, DECONVOLUTION = "convolution", "deconvolution"
"""Kinds of layers."""

STRIDE = 4
"""Heights and widths of the network's input are multiples of this, in pixels (two halvings)."""

LAYERS = (
    (CONVOLUTION, 2, {"kernel": 5}),
    (CONVOLUTION, 4, {"stride": 2}),
    (CONVOLUTION, 4, {}),
    (CONVOLUTION, 8, {"stride": 2}),
    (CONVOLUTION, 8, {}),
    (CONVOLUTION, 8, {}),
    (CONVOLUTION, 8, {"dilation": 2}),
    (CONVOLUTION, 8, {"dilation": 4}),
    (CONVOLUTION, 8, {"dilation": 8}),
    (CONVOLUTION, 8, {"dilation": 16}),
    (CONVOLUTION, 8, {}),
    (CONVOLUTION, 8, {}),
    (DECONVOLUTION, 4, {}),
    (CONVOLUTION, 4, {}),
    (DECONVOLUTION, 2, {}),
    (CONVOLUTION, 1, {}),
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
    "sigmoid": jax.nn.sigmoid,
    "clip": lambda x: (jnp.clip(x, -1, 1) + 1) / 2,
    "difference": jnp.tanh,
}
"""Last functions of the network, by name. "sigmoid" is the paper's. "clip" is for ports that work
in [-1, 1]. Both give RGB in [0, 1]. "difference" is for networks that see smoothly filled holes:
their output in [-1, 1] is added to the smooth fill."""


def layers(dilated: int = DILATED) -> dict[str, tuple[str, int, dict[str, int]]]:
    """Returns the layers before the last by their names: "1" to "16", as in table 2.

    Dilated layers beyond those of the table are "10_1", "10_2" and so on, after layer "10".

    Args:
      dilated: number of dilated layers, DILATED to MOST_DILATED.
    """
    table = [(str(number), layer) for number, layer in enumerate(LAYERS, start=1)]
    further = [
        (f"10_{number}", (CONVOLUTION, 8, {"dilation": 16 * 2**number}))
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


class Form(NamedTuple):
    """Describes a completion network.

    Attributes:
      width: as in CompletionNetwork, like all the others.
      relu_first: whether ReLU comes before batch norm.
      norm: whether there is batch norm.
      output: a key of OUTPUTS.
      dilated_layers: number of dilated layers; see `layers`.
    """

    width: int = 64
    relu_first: bool = False
    norm: bool = True
    output: str = "sigmoid"
    dilated_layers: int = DILATED

    @property
    def adds(self) -> bool:
        """Returns whether the output is added to a smooth fill; if not, it is the picture."""
        return self.output == "difference"

    @property
    def reach(self) -> int:
        """Returns how many pixels around a pixel its output depends on.

        A further dilated layer adds its dilation, in pixels of a picture that was halved twice.
        """
        further = list(layers(self.dilated_layers).values())[
            10 : 10 + self.dilated_layers - DILATED
        ]
        return REACH + sum(STRIDE * options["dilation"] for _, _, options in further)
