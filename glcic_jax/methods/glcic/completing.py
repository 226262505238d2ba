"""Completes one picture tile by tile, with a trained network's arrays alone: without Flax."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from glcic_jax.layers.ops import completion_input, composite
from glcic_jax.layers.smooth_fill import ALIGNMENT, smooth_fill
from glcic_jax.layers.tiles import Box, Extent, inside, mirrored, rounded_up
from glcic_jax.methods.glcic.table2 import STRIDE, Form
from glcic_jax.methods.glcic.tiled_network import run_in_tiles
from glcic_jax.types import Image, Mask, NetworkState


class View(NamedTuple):
    """Makes what the network sees.

    Attributes:
      mean_pixel: RGB in [0, 1] that a hole is filled with.
      scale: as in `completion_input`.
      fill_pixel: as in `completion_input`.
    """

    mean_pixel: tuple[float, float, float]
    scale: float = 1.0
    fill_pixel: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def __call__(self, image: Image, mask: Mask, filled: Image | None) -> Float[Array, "b h w 4"]:
        """Returns the smoothly filled picture if there is one, or the holed one, and the mask."""
        if filled is None:
            return completion_input(image, mask, *self)
        centred = (filled - jnp.asarray(self.mean_pixel)) * self.scale
        return jnp.concatenate([centred, mask], axis=-1)


def complete_in_tiles(
    form: Form, view: View, network: NetworkState, image: Image, mask: Mask, extent: Extent
) -> Image:
    """Completes one picture at the top left of larger arrays, as `complete_within` of a Method.

    Args:
      form: describes the network.
      view: makes its input.
      network: its parameters and running statistics.
      image: RGB in [0, 1], [1, H, W, 3]; H and W are multiples of TILE.
      mask: 1 = hole.
      extent: the picture's height and width.
    """
    given, holes = (mirrored(x, extent, STRIDE) for x in (image, mask))
    height, width = (rounded_up(size, STRIDE) for size in extent)
    filled = smooth_fill(given, holes, (height, width)) if form.adds else None
    x = view(given, holes, filled)
    needed = _box(mask, extent)
    output = run_in_tiles(form, network.params, network.batch_stats, x, (height, width), needed)
    output = output if filled is None else filled + output
    return composite(image, jnp.clip(output, 0, 1), mask)


def _box(mask: Mask, extent: Extent) -> Box:
    """Returns the smallest box that holds all holes of a picture."""
    holes = (mask > 0) & inside(mask.shape[1:3], (0, 0), extent)
    rows, columns = (
        (jnp.argmax(line), len(line) - jnp.argmax(line[::-1]))
        for line in (holes.any(axis=(0, 2, 3)), holes.any(axis=(0, 1, 3)))
    )
    return rows, columns


def reach_and_alignment(form: Form) -> tuple[int, int]:
    """Returns the fields `reach` and `alignment` of a Method that completes with such a network."""
    return (form.reach + ALIGNMENT, ALIGNMENT) if form.adds else (form.reach, 32)
