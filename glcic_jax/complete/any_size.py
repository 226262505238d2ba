"""Completes pictures of any size by few compiled programs."""

from collections.abc import Callable

import jax
import numpy as np
from jaxtyping import Bool, PRNGKeyArray, UInt8

from glcic_jax.layers.ops import as_float
from glcic_jax.types import Image, Mask, Method, TrainState

CAPACITIES = (512, 1024)
"""Edges, in pixels, of the arrays that programs are compiled for; larger ones are multiples of the
last."""

FillOne = Callable[
    [UInt8[np.ndarray, "h w 3"], Bool[np.ndarray, "h w"]], UInt8[np.ndarray, "h w 3"]
]
"""(picture, hole) -> completed picture, of any size."""


def capacity(height: int, width: int) -> int:
    """Returns the edge of the smallest square array that a picture fits into."""
    longest = max(height, width)
    for edge in CAPACITIES:
        if longest <= edge:
            return edge
    return -(-longest // CAPACITIES[-1]) * CAPACITIES[-1]


def make_fill_one(method: Method, state: TrainState, key: PRNGKeyArray) -> FillOne | None:
    """Makes a function that completes a picture, compiled once for all sizes up to a capacity.

    Its time follows the picture's size, not the capacity. It is for CPUs, where compiling takes
    longest: on other devices tiles, one after the other, are slower than whole pictures.

    Args:
      method: the method that `state` was trained with.
      state: the networks named in `method.networks`.
      key: source of the random numbers that some methods need.

    Returns:
      The function; None where there is no such program: for other methods and other devices. Pixels
      outside of the hole are the input's, bit for bit.
    """
    within = method.complete_within
    if within is None or jax.default_backend() != "cpu":
        return None

    @jax.jit
    def complete(state: TrainState, image: Image, mask: Mask, height, width) -> Image:
        return within(state, as_float(image), as_float(mask), key, (height, width))

    def fill_one(
        image: UInt8[np.ndarray, "h w 3"], hole: Bool[np.ndarray, "h w"]
    ) -> UInt8[np.ndarray, "h w 3"]:
        height, width = hole.shape
        edge = capacity(height, width)
        space = ((0, edge - height), (0, edge - width))
        image_in, hole_in = np.pad(image, (*space, (0, 0))), np.pad(hole.astype(np.uint8), space)
        output = complete(
            state, image_in[None], hole_in[None, ..., None], np.int32(height), np.int32(width)
        )
        pixels = np.rint(np.asarray(output)[0, :height, :width] * 255).astype(np.uint8)
        return np.where(hole[..., None], pixels, image)

    return fill_one
