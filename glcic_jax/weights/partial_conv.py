"""Holds trained partial-convolution networks, whatever file they are read from or written to."""

from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp

from glcic_jax.methods.completion import completion_from
from glcic_jax.methods.partial_conv.form_names import PAIRED, PAPER
from glcic_jax.types import Method, NetworkState, TrainState
from glcic_jax.weights.trained import PARTIAL, Weights, flatten_variables, unflatten_variables

FIRST_KERNELS = {PAPER: "encode{}.kernel", PAIRED: "encode{}_1.kernel"}
"""The tensor that each level of the encoder has, by form; {} stands for the level."""


@dataclass(frozen=True, kw_only=True)
class PartialWeights(Weights):
    """Holds a trained network; its tensors are those of `unet_shapes(width, levels, form)`."""

    @property
    def form(self) -> str:
        """Returns the name of the network's form in FORMS."""
        return PAPER if "encode1.kernel" in self.tensors else PAIRED

    @property
    def method_name(self) -> str:
        """Returns the name in METHODS of the method that trains such networks."""
        return "partial_conv"

    @property
    def architecture(self) -> dict[str, Any]:
        """Returns what a description says of the network."""
        form = {} if self.form == PAPER else {"form": self.form}
        return {"kind": PARTIAL, "width": self.width, "levels": self.levels} | form

    @property
    def width(self) -> int:
        """Returns the number of channels of the first layer."""
        return self.tensors[FIRST_KERNELS[self.form].format(1)].shape[-1]

    @property
    def levels(self) -> int:
        """Returns the number of halvings."""
        name = FIRST_KERNELS[self.form]
        return sum(name.format(level) in self.tensors for level in range(1, 9))

    def completing(self, **settings: Any) -> tuple[Method, TrainState]:
        """Returns a method that only completes, and its state; it takes no settings."""
        assert not settings, "this network has no settings"
        # Here, since reading other programs' files needs neither Flax nor Optax.
        import optax

        from glcic_jax.methods.partial_conv.forms import FORMS
        from glcic_jax.methods.partial_conv.updates import PartialConv

        form = FORMS[self.form]
        networks = PartialConv(
            network=partial(form.network, levels=self.levels, width=self.width),
            weights={},
            features=lambda image: [],
            mean_pixel=self.mean_pixel if form.centred else (0.0, 0.0, 0.0),
            stride=2**self.levels,
        )
        method = Method(
            init=partial(networks.init, optax.identity()),
            phases=(),
            complete=completion_from(networks.previews),
            previews=networks.previews,
            networks=("completion",),
            reach=form.reach(self.levels),
            alignment=2**self.levels,
        )
        params, batch_stats = jax.tree.map(jnp.asarray, unflatten_variables(self.tensors))
        network = NetworkState(params, batch_stats, opt_state=None)
        return method, TrainState(jnp.asarray(self.step, jnp.int32), {"completion": network})

    def __str__(self) -> str:
        form = "" if self.form == PAPER else f'"{self.form}" '
        return (
            f"{form}partial-convolution network of width {self.width}, {self.levels} levels, "
            f"{self.count:,} parameters"
        )


@cache
def unet_shapes(width: int, levels: int, form: str = PAPER) -> dict[str, tuple[int, ...]]:
    """Returns names and shapes of the tensors of a network.

    Args:
      width: the number of channels of the first layer.
      levels: the number of halvings.
      form: a key of FORMS.
    """
    from glcic_jax.methods.partial_conv.forms import FORMS  # here, since it imports Flax

    module = FORMS[form].network(train=False, levels=levels, width=width)
    image, hole = (jax.ShapeDtypeStruct((1, 2**levels, 2**levels, c), jnp.float32) for c in (3, 1))
    key = jax.eval_shape(lambda: jax.random.key(0))  # configs ask, before devices may be woken
    variables = jax.eval_shape(module.init, key, image, hole)
    return {name: leaf.shape for name, leaf in flatten_variables(variables).items()}
