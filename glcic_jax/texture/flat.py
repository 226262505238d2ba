"""Defines the arrays of one scale as the compiled programs take them.

Pictures are flat: pixel (y, x) of a picture of width w has number y * w + x, and the offset
(dy, dx) is dy * w + dx. The width and the numbers of pixels are known only when a program runs, and
arrays are of few lengths, so one program serves all scales of a picture, and many pictures.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Float, Int, UInt32

from glcic_jax.layers.tiles import quotient

RADIUS = 3
"""Patches are squares of 7 x 7 pixels, as in Newson et al. 2014 and in pypatchmatch."""

EDGE = 2 * RADIUS + 1
AREA = EDGE**2

PATCH = np.stack(np.divmod(np.arange(AREA, dtype=np.int32), EDGE), axis=1) - np.int32(RADIUS)
"""Rows and columns of a patch's pixels, from its centre."""

DIMENSIONS = 27
"""Numbers that describe a patch's 147 colours. With three of the guide and two of texture they are
32, two in each of the 16 words of a cache line."""

WORDS = (DIMENSIONS + 5) // 2

STEP = 2.0**-12
"""The unit of described numbers. Squares of differences, summed, fit 31 bits: those of the colours
are at most 3 together, since the principal components are orthonormal, those of the guide less than
1, and those of the texture at most 16 each."""


class Level(NamedTuple):
    """Holds what stays the same at one scale: p pixels, of which t are centres of targets.

    A target is a patch that touches the hole, a source one that is wholly known; both lie within
    the picture. Lists are filled up with the last pixel, which belongs to no picture.

    Attributes:
      width: pixels of a row.
      counts: the numbers of targets and of pixels of the hole.
      targets: the pixel of every target.
      position: the place of a pixel in `targets`; -1 = none.
      painted: the pixels of the hole.
      source: whether a pixel is the centre of a source.
      basis: what a patch's colours are multiplied by to describe it.
      described: of each pixel, the description of its patch, the guide's low frequencies and the
        texture, each times the root of its weight; see `packed`.
      guide: of each target, the guide's low frequencies, times the root of their weight.
      roughness: the root of the texture's weight.
      trust: of each target, how much its vote counts: less, the deeper in the hole it lies.
    """

    width: Int[Array, ""]
    counts: Int[Array, "2"]
    targets: Int[Array, "t"]
    position: Int[Array, "p"]
    painted: Int[Array, "t"]
    source: Bool[Array, "p"]
    basis: Float[Array, "147 d"]
    described: UInt32[Array, "q w"]
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


def offsets(width: Array) -> Int[Array, "49"]:
    """Returns the offsets of a patch's pixels from its centre."""
    return jnp.asarray(PATCH[:, 0]) * width + PATCH[:, 1]


def part(array: Array, start: Array, length: int) -> Array:
    """Returns a part of an array's first axis."""
    return lax.dynamic_slice_in_dim(array, start, length)


def replaced(array: Array, new: Array, start: Array) -> Array:
    """Returns an array with other elements from a place on."""
    return lax.dynamic_update_slice_in_dim(array, new, start, 0)


def by_chunks(count: Array, chunk: int, work: Callable[[Array, Any], Any], made: Any) -> Any:
    """Works through a list chunk by chunk: its time follows the list, not the array it is in.

    Args:
      count: how long the list is.
      chunk: elements at a time, a power of two; the array's length is a multiple of it.
      work: is given where a chunk begins, and what was made so far.
      made: what is made to begin with.
    """
    times = quotient(jnp.maximum(count, 0) + chunk - 1, chunk)
    return lax.fori_loop(0, times, lambda i, so_far: work(i * chunk, so_far), made)


def packed(colours: Float[Array, "n d"], others: Float[Array, "n 5"]) -> UInt32[Array, "n w"]:
    """Returns descriptions as words of two numbers of 14 bits, in units of STEP.

    To read a description at random then takes one line of the cache, half of what floats take.

    Args:
      colours: principal components of a patch, which lie in [-2, 2).
      others: low frequencies and texture, from 0 to what is cut at 4.
    """
    numbers = jnp.concatenate([colours + 2, others], axis=1) / STEP
    whole = jnp.clip(jnp.rint(numbers), 0, 4 / STEP - 1).astype(jnp.uint32)
    return whole[:, :WORDS] | whole[:, WORDS:] << 16


def squared_distance(one: UInt32[Array, "n w"], other: UInt32[Array, "n w"]) -> Int[Array, "n"]:
    """Returns the squared distances of packed descriptions, in units of STEP**2."""
    low, high = (
        a.astype(jnp.int32) - b.astype(jnp.int32)
        for a, b in ((one & 0xFFFF, other & 0xFFFF), (one >> 16, other >> 16))
    )
    return jnp.sum(low * low + high * high, axis=1)


def unpacked(words: UInt32[Array, "n w"]) -> Float[Array, "n d+5"]:
    """Returns packed descriptions as numbers again."""
    halves = jnp.concatenate([words & 0xFFFF, words >> 16], axis=1)
    shift = np.repeat(np.array([2, 0], np.float32), [DIMENSIONS, 5])
    return halves.astype(jnp.float32) * STEP - shift
