"""Holds trained completion networks of GLCIC, whatever file they are read from or written to."""

from dataclasses import dataclass, replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from glcic_jax.layers.ops import NORM_EPSILON
from glcic_jax.methods.completion import completion_from
from glcic_jax.methods.glcic.completing import View, complete_in_tiles, reach_and_alignment
from glcic_jax.methods.glcic.table2 import DILATED, MOST_DILATED, Form, layers
from glcic_jax.methods.glcic.tiled_network import capacities
from glcic_jax.methods.glcic.whole_network import whole_previews
from glcic_jax.runtime.errors import UserError
from glcic_jax.types import Method, NetworkState, TrainState
from glcic_jax.weights.trained import GLCIC, STATISTICS, Rgb, Weights, unflatten_variables

if TYPE_CHECKING:
    from glcic_jax.methods.glcic.networks import GlcicNetworks

LAYERS = range(1, 18)
DECONVOLUTIONS = (13, 15)
NORM_PARTS = ("scale", "bias", *STATISTICS)
"""The last parts of the names of batch norm's tensors."""
EPSILON = NORM_EPSILON
"""The number that batch norm adds to the variance."""


@dataclass(frozen=True, kw_only=True)
class CompletionWeights(Weights):
    """Holds a trained completion network of GLCIC.

    Attributes:
      tensors: float32 arrays; their names and shapes are those of `completion_shapes`.
      relu_first: as in CompletionNetwork.
      output: as in CompletionNetwork.
      mean_pixel: as in `completion_input`.
      scale: as in `completion_input`.
      fill_pixel: as in `completion_input`.
    """

    relu_first: bool = False
    output: str = "sigmoid"
    scale: float = 1.0
    fill_pixel: Rgb = (0.0, 0.0, 0.0)

    @property
    def width(self) -> int:
        """Returns the number of channels of the first layer."""
        return self.tensors["layer1.conv.kernel"].shape[-1]

    @property
    def dilated_layers(self) -> int:
        """Returns the number of dilated layers."""
        further = layers(MOST_DILATED).keys() - layers().keys()
        return DILATED + sum(kernel_name(number) in self.tensors for number in further)

    @property
    def norm(self) -> bool:
        """Returns whether the network has batch norm, which `fold` removes."""
        return "norm1.norm.mean" in self.tensors

    @property
    def method_name(self) -> str:
        """Returns the name in METHODS of the method that trains such networks."""
        return "glcic"

    @property
    def architecture(self) -> dict[str, Any]:
        """Returns what a description says of the network."""
        return {"kind": GLCIC} | self.form._asdict()

    @property
    def own_input(self) -> dict[str, Any]:
        """Returns what a description says of the network's input besides the mean pixel."""
        return {"scale": self.scale, "fill_pixel": list(self.fill_pixel)}

    @property
    def hole_colour(self) -> Rgb:
        """Returns the colour that the network sees in its holes, RGB in [0, 1]."""
        red, green, blue = (
            mean + fill / self.scale
            for mean, fill in zip(self.mean_pixel, self.fill_pixel, strict=True)
        )
        return red, green, blue

    @property
    def form(self) -> Form:
        """Returns what describes the network's layers."""
        return Form(self.width, self.relu_first, self.norm, self.output, self.dilated_layers)

    def completing(self, **settings: Any) -> tuple[Method, TrainState]:
        """Returns a method that only completes, and its state; it takes no settings."""
        assert not settings, "this network has no settings"
        form, view = self.form, View(self.mean_pixel, self.scale, self.fill_pixel)
        reach, alignment = reach_and_alignment(form)

        def previews(state, image, mask, key):
            del key
            return whole_previews(form, view, state.networks["completion"], image, mask)

        def within(state, image, mask, key, extent):
            del key
            return complete_in_tiles(form, view, state.networks["completion"], image, mask, extent)

        method = Method(
            init=lambda key: _flax_networks(form, view).init(key),
            phases=(),
            complete=completion_from(previews),
            complete_within=within,
            within=f"{form} {view}",
            capacities=capacities(self.width),
            previews=previews,
            networks=("completion",),
            reach=reach,
            alignment=alignment,
        )
        # device_put, since jnp.asarray would compile a program for each shape.
        params, batch_stats = jax.device_put(unflatten_variables(self.tensors))
        network = NetworkState(params, batch_stats, opt_state=None)
        step = jax.device_put(np.int32(self.step))
        return method, TrainState(step, {"completion": network})

    def __str__(self) -> str:
        order = "batch norm folded" if not self.norm else "batch norm, then ReLU"
        order = "ReLU, then batch norm" if self.relu_first else order
        if self.dilated_layers > DILATED:
            order += f", {self.dilated_layers} dilated layers"
        return f"GLCIC completion network of width {self.width}, {self.count:,} parameters, {order}"


def is_deconvolution(number: int | str) -> bool:
    """Returns whether a layer, by its number or its name in `layers`, is a deconvolution."""
    return str(number) in map(str, DECONVOLUTIONS)


def kernel_name(number: int | str) -> str:
    """Returns the name of the kernel of layer 1 to 17, or of one by its name in `layers`.

    The kernel is [kh, kw, in, out]; that of a deconvolution is [4, 4, out, in].
    """
    return f"layer{number}.kernel" if is_deconvolution(number) else f"layer{number}.conv.kernel"


@cache
def completion_shapes(
    width: int, norm: bool = True, dilated_layers: int = DILATED
) -> dict[str, tuple[int, ...]]:
    """Returns names and shapes of the tensors of a completion network.

    Args:
      width: the number of channels of the first layer; even.
      norm: False if batch norm is folded into the convolutions.
      dilated_layers: as in CompletionNetwork.
    """
    shapes, inputs = {}, 4
    for number, (_, halves, options) in layers(dilated_layers).items():
        outputs, name = halves * width // 2, kernel_name(number)
        edge, ends = options.get("kernel", 3), (inputs, outputs)
        if is_deconvolution(number):
            edge, ends = 4, (outputs, inputs)
        shapes |= {name: (edge, edge, *ends), name.replace("kernel", "bias"): (outputs,)}
        if norm:
            shapes |= {f"norm{number}.norm.{part}": (outputs,) for part in NORM_PARTS}
        inputs = outputs
    name = kernel_name(17)
    return shapes | {name: (3, 3, inputs, 3), name.replace("kernel", "bias"): (3,)}


def _flax_networks(form: Form, view: View) -> "GlcicNetworks":
    """Returns networks that can be started anew. This needs Flax, which completing does not."""
    import optax

    from glcic_jax.methods.glcic.completion_network import CompletionNetwork
    from glcic_jax.methods.glcic.networks import GlcicNetworks

    return GlcicNetworks(
        completion=partial(CompletionNetwork, **form._asdict()),
        discriminator=None,
        crop=0,
        local_patch=0,
        optimizer=optax.identity(),
        **view._asdict(),
    )


def fold(weights: CompletionWeights) -> CompletionWeights:
    """Folds batch norm into the convolutions before it. The result is the same up to rounding.

    Raises:
      UserError: batch norm follows ReLU, or is folded already.
    """
    if not weights.norm:
        raise UserError("batch norm is folded already: leave --fold out")
    if weights.relu_first:
        raise UserError(
            "batch norm follows ReLU in this network, so no convolution can absorb it: "
            "leave --fold out"
        )
    tensors = {name: t.astype(np.float64) for name, t in weights.tensors.items()}
    for number in layers(weights.dilated_layers):
        norm = {part: tensors.pop(f"norm{number}.norm.{part}") for part in ("scale", "bias")}
        mean, var = (tensors.pop(f"norm{number}.norm.{part}") for part in STATISTICS)
        gain = norm["scale"] / np.sqrt(var + EPSILON)
        name = kernel_name(number)
        bias = name.replace("kernel", "bias")
        tensors[name] *= gain[:, None] if is_deconvolution(number) else gain
        tensors[bias] = (tensors[bias] - mean) * gain + norm["bias"]
    return replace(weights, tensors={n: t.astype(np.float32) for n, t in tensors.items()})
