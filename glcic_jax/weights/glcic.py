"""Trained completion networks of GLCIC, whatever file they are read from or written to."""

from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from glcic_jax.methods.completion import completion_from
from glcic_jax.methods.glcic.completion_network import (
    DILATED,
    MOST_DILATED,
    CompletionNetwork,
    layers,
)
from glcic_jax.methods.glcic.networks import GlcicNetworks
from glcic_jax.methods.glcic.tiled_network import capacities
from glcic_jax.runtime.errors import UserError
from glcic_jax.types import Method, NetworkState, TrainState
from glcic_jax.weights.trained import (
    STATISTICS,
    Rgb,
    Weights,
    flatten_variables,
    unflatten_variables,
)

LAYERS = range(1, 18)
DECONVOLUTIONS = (13, 15)
EPSILON = 1e-5
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
    def hole_colour(self) -> Rgb:
        """Returns the colour that the network sees in its holes, RGB in [0, 1]."""
        red, green, blue = (
            mean + fill / self.scale
            for mean, fill in zip(self.mean_pixel, self.fill_pixel, strict=True)
        )
        return red, green, blue

    def completing(self, **settings: Any) -> tuple[Method, TrainState]:
        """Returns a method that only completes, and its state; it takes no settings."""
        assert not settings, "this network has no settings"
        networks = GlcicNetworks(
            completion=partial(
                CompletionNetwork,
                width=self.width,
                relu_first=self.relu_first,
                norm=self.norm,
                output=self.output,
                dilated_layers=self.dilated_layers,
            ),
            discriminator=None,
            crop=0,
            local_patch=0,
            optimizer=optax.identity(),
            mean_pixel=self.mean_pixel,
            scale=self.scale,
            fill_pixel=self.fill_pixel,
        )
        method = Method(
            init=networks.init,
            phases=(),
            complete=completion_from(networks.previews),
            complete_within=networks.complete_within,
            capacities=capacities(self.width),
            previews=networks.previews,
            networks=("completion",),
            reach=networks.reach,
            alignment=networks.alignment,
        )
        params, batch_stats = jax.tree.map(jnp.asarray, unflatten_variables(self.tensors))
        network = NetworkState(params, batch_stats, opt_state=None)
        return method, TrainState(jnp.asarray(self.step, jnp.int32), {"completion": network})

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
    module = CompletionNetwork(train=False, width=width, norm=norm, dilated_layers=dilated_layers)
    x = jax.ShapeDtypeStruct((1, 8, 8, 4), jnp.float32)
    key = jax.eval_shape(lambda: jax.random.key(0))  # configs ask, before devices may be woken
    variables = jax.eval_shape(module.init, key, x)
    return {name: leaf.shape for name, leaf in flatten_variables(variables).items()}


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
