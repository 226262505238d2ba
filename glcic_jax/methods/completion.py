"""Completes with a network, in the ways that several methods share."""

from collections.abc import Callable

import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from glcic_jax.layers.ops import composite, pad_to_multiple
from glcic_jax.types import Image, Mask, TrainState


def completion_from(
    previews: Callable[[TrainState, Image, Mask, PRNGKeyArray], dict[str, Image]],
) -> Callable[[TrainState, Image, Mask, PRNGKeyArray], Image]:
    """Returns the `complete` of a Method that keeps only the completed pictures of its `previews`.

    Args:
      previews: as in Method.
    """

    def complete(state: TrainState, image: Image, mask: Mask, key: PRNGKeyArray) -> Image:
        return previews(state, image, mask, key)["completed"]

    return complete


def fill_any_size(
    fill: Callable[[Image, Mask], Image], image: Image, mask: Mask, stride: int
) -> dict[str, Image]:
    """Fills holes by a network that takes certain sizes only: pictures are mirrored up to these.

    Args:
      fill: makes the network's raw output, of the size of what it is given.
      image: RGB in [0, 1], of any size.
      mask: 1 = hole.
      stride: `fill` takes heights and widths that are multiples of this, in pixels.

    Returns:
      "raw output", clipped to [0, 1], and "completed", with known pixels untouched, bit for bit.
    """
    height, width = image.shape[1:3]
    output = fill(pad_to_multiple(image, stride), pad_to_multiple(mask, stride))
    output = jnp.clip(output[:, :height, :width], 0, 1)
    return {"raw output": output, "completed": composite(image, output, mask)}
