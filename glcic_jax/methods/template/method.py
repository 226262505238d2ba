"""A method to copy: a U-Net that learns by L1 alone. README, "Add a method", has the steps.

A real one names its paper here, and what it does otherwise than the paper and why.
"""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import lax
from ml_collections import ConfigDict

from glcic_jax.layers.ops import completion_input, composite, pad_to_multiple
from glcic_jax.layers.precision import precision
from glcic_jax.methods.template.network import STRIDE, UNet
from glcic_jax.runtime.devices import DATA, split_over_fsdp
from glcic_jax.runtime.errors import UserError
from glcic_jax.types import Method, NetworkState, Phase, TrainState


def build(config: Any, mean_pixel: tuple[float, float, float]) -> Method:
    """Builds the method as `config` (of the fields of configs/template.py) describes it.

    Raises:
      UserError: a network without channels.
    """
    config = ConfigDict(config)
    if config.width < 1:
        raise UserError(f"width is {config.width}: choose at least 1 channel")
    unet = UNet(config.width, precision(config.dtype))
    adam = optax.adam(config.optimizer.learning_rate, config.optimizer.b1, config.optimizer.b2)
    optimizer = split_over_fsdp(adam)  # as config.fsdp says

    def init(key):
        params = jax.jit(unet.init)(key, jnp.zeros((1, STRIDE, STRIDE, 4)))["params"]
        network = NetworkState(params, batch_stats={}, opt_state=optimizer.init(params))
        return TrainState(jnp.zeros((), jnp.int32), {"completion": network})

    def fill(params, image, mask) -> Any:
        return unet.apply({"params": params}, completion_input(image, mask, mean_pixel))

    def update(state, batch, key):
        del key  # a method that draws numbers takes them all from it: then a run can be repeated
        image, mask, network = batch["image"], batch["mask"], state.networks["completion"]

        def loss(params):
            l1 = jnp.mean(mask * jnp.abs(fill(params, image, mask) - image))
            return lax.pmean(l1, DATA)  # inside: so the gradients are those of the whole batch

        l1, gradients = jax.value_and_grad(loss)(network.params)
        updates, opt_state = optimizer.update(gradients, network.opt_state, network.params)
        params = optax.apply_updates(network.params, updates)
        state = state.replace(networks={"completion": NetworkState(params, {}, opt_state)})
        return state, {"loss/l1": l1, "grad_norm/completion": optax.tree.norm(gradients)}

    def previews(state, image, mask, key):
        del key
        padded = (pad_to_multiple(array, STRIDE) for array in (image, mask))
        output = fill(state.networks["completion"].params, *padded)
        output = output[:, : image.shape[1], : image.shape[2]]
        return {"raw output": output, "completed": composite(image, output, mask)}

    return Method(
        init=init,
        phases=(Phase("l1", config.phases.l1, update, ("loss/l1", "grad_norm/completion")),),
        complete=lambda *arguments: previews(*arguments)["completed"],
        previews=previews,
        networks=("completion",),
    )
