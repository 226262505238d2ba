"""Defines the arrays of one scale as the compiled programs take them.

Pictures are flat: pixel (y, x) of a picture of width w has number y * w + x, and the offset
(dy, dx) is dy * w + dx. The width is known only when a program runs, and lengths are rounded up to
powers of two, so a program is compiled for a number of pixels and not for every shape.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

RADIUS = 3
"""Patches are squares of 7 x 7 pixels, as in Newson et al. 2014 and in pypatchmatch."""

EDGE = 2 * RADIUS + 1
AREA = EDGE**2


class Level(NamedTuple):
    """Holds what stays the same at one scale: p pixels, of which t are centres of targets.

    A target is a patch that touches the hole, a source one that is wholly known; both lie within
    the picture. Lists are filled up with the last pixel, which belongs to no picture.

    Attributes:
      width: pixels of a row.
      targets: the pixel of every target.
      position: the place of a pixel in `targets`; -1 = none.
      painted: the pixels of the hole.
      source: whether a pixel is the centre of a source.
      basis: what a patch's colours are multiplied by to describe it.
      described: of each pixel, the description of its patch, the guide's low frequencies and the
        texture, each times the root of its weight.
      guide: of each target, the guide's low frequencies, times the root of their weight.
      roughness: the root of the texture's weight.
      trust: of each target, how much its vote counts: less, the deeper in the hole it lies.
    """

    width: Int[Array, ""]
    targets: Int[Array, "t"]
    position: Int[Array, "p"]
    painted: Int[Array, "n"]
    source: Bool[Array, "p"]
    basis: Float[Array, "147 d"]
    described: Float[Array, "p d+5"]
    guide: Float[Array, "t 3"]
    roughness: Float[Array, ""]
    trust: Float[Array, "t"]


class State(NamedTuple):
    """Holds what a step changes.

    Attributes:
      picture: RGB in [0, 1] and two channels of texture, mean absolute gradients across and down.
      nearest: the source that each target resembles most.
      cost: squared distance of the two, in the units of one pixel's colours; inf = no source.
    """

    picture: Float[Array, "p 5"]
    nearest: Int[Array, "t"]
    cost: Float[Array, "t"]


def take(array: Array, at: Array) -> Array:
    """Returns the elements at some numbers; the first and last stand for all beyond them."""
    return jnp.take(array, at, axis=0, mode="clip")


def offset_of(k: Array | int, width: Array) -> Array:
    """Returns the offset of a patch's pixel k, of AREA, from its centre."""
    return (k // EDGE - RADIUS) * width + k % EDGE - RADIUS
