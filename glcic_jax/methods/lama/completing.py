"""Completes pictures of any size with LaMa's generator, as the authors' program does."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from glcic_jax.layers.ops import composite
from glcic_jax.methods.lama.network import Generator
from glcic_jax.methods.lama.sizes import STRIDE
from glcic_jax.methods.network_state import infer
from glcic_jax.types import Image, Mask, NetworkState


def generator_input(image: Image, mask: Mask) -> Float[Array, "b h w 4"]:
    """Returns what the generator sees: pictures in [0, 1], holes black, and masks."""
    return jnp.concatenate([jnp.where(mask > 0, 0, image), mask], axis=-1)


def complete_any_size(
    width: int, blocks: int, network: NetworkState, image: Image, mask: Mask, dtype: Any = None
) -> dict[str, Image]:
    """Completes pictures whose sizes need not be multiples of anything.

    Args:
      width: of the generator.
      blocks: of the generator.
      network: its parameters and running statistics.
      image: RGB in [0, 1], of any size.
      mask: 1 = hole.
      dtype: precision of the generator's arithmetic; None = float32.

    Returns:
      "raw output", in [0, 1], and "completed", with known pixels untouched, bit for bit.
    """
    module = Generator(train=False, width=width, blocks=blocks, dtype=dtype or jnp.float32)
    height, columns = image.shape[1:3]
    output = infer(module, network, repeated(generator_input(image, mask)))
    output = output[:, :height, :columns]
    return {"raw output": output, "completed": composite(image, output, mask)}


def repeated(x: Float[Array, "b h w c"]) -> Float[Array, "b H W c"]:
    """Mirrors rows at the bottom and columns at the right up to multiples of STRIDE.

    As in the authors' program (pad_img_to_modulo) the outermost row and column are repeated, unlike
    in `pad_to_multiple`. A picture of up to STRIDE pixels grows to twice as many: their program
    fails on it. Pixels are taken by their indices, so that h and w may be left open in an exported
    program.
    """
    for axis in (1, 2):
        size = x.shape[axis]
        parts = (size + STRIDE - 1) // STRIDE
        parts += 1 // parts  # one part becomes two
        if isinstance(size, int) and size == parts * STRIDE:
            continue
        place = jnp.arange(parts * STRIDE) % (2 * size)
        x = jnp.take(x, jnp.where(place < size, place, 2 * size - 1 - place), axis=axis)
    return x
