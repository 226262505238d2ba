"""Layers over pictures whose size is known only when they run: one program serves all sizes.

The picture lies at the top left of a larger array of fixed size. A layer visits the tiles that the
picture covers, and no others: its time follows the picture, not the array.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int

from glcic_jax.layers.convolution import FEW_CHANNELS
from glcic_jax.layers.narrow import columns, spreading
from glcic_jax.layers.plain import plain_deconvolution

Extent = tuple[Int[Array, ""], Int[Array, ""]]
"""Height and width of a picture, known when the program runs."""


Range = tuple[Int[Array, ""] | int, Int[Array, ""] | int]
"""The first, and the end after the last."""

Box = tuple[Range, Range]
"""Rows and columns, of pixels or of tiles, known when the program runs."""


class Canvas(NamedTuple):
    """Holds features of a picture in a larger array, which is 0 outside of the picture.

    Attributes:
      values: [1, H + 2 * margin, W + 2 * margin, c]; the picture begins at [margin, margin].
      extent: the picture's height and width, at most H and W.
      margin: zeros around the place for pictures, for layers that look beyond a picture's edge.
    """

    values: Float[Array, "1 H W c"]
    extent: Extent
    margin: int


def canvas(x: Float[Array, "1 H W c"], extent: Extent, margin: int) -> Canvas:
    """Returns the features of a picture as a canvas; what x holds outside of it becomes 0."""
    x = jnp.where(inside(x.shape[1:3], (0, 0), extent), x, 0)
    x = jnp.pad(x, ((0, 0), (margin, margin), (margin, margin), (0, 0)))
    return Canvas(x, extent, margin)


def over_tiles(
    layer: Callable[[Float[Array, "1 n n c"]], Float[Array, "1 e e d"]],
    source: Canvas,
    *,
    features: int,
    halo: int,
    edge: int,
    margin: int,
    down: int = 1,
    up: int = 1,
    added: Canvas | None = None,
    into: Canvas | None = None,
    tiles: Box | None = None,
) -> Canvas:
    """Applies a layer to a canvas, tile by tile.

    Args:
      layer: makes a tile of the result out of the window that it depends on: a tile of the source
        and `halo` pixels around it.
      source: its place for pictures is a whole number of tiles in both directions.
      features: channels of the result.
      halo: pixels around a tile that the layer looks at; 1 to the source's margin.
      edge: edge of the result's tiles, pixels.
      margin: of the result.
      down: factor by which the layer shrinks pictures.
      up: factor by which it enlarges them.
      added: features of the result's size that are added to it.
      into: a canvas of the result's shape and the same picture, whose memory the result may have:
        it is 0 outside of the picture already. None: memory is cleared first.
      tiles: those that are wanted; what stands in others has no meaning. None = all of them.
    """
    before = edge * down // up
    height, width = (quotient(length * up, down) for length in source.extent)
    (top, bottom), (left, right) = tiles or covering((height, width), edge)
    across = right - left
    place = [size - 2 * source.margin for size in source.values.shape[1:3]]
    assert 0 < halo <= source.margin and all(size % before == 0 for size in place)
    rows, columns = (size * up // down + 2 * margin for size in place)
    window = (1, before + 2 * halo, before + 2 * halo, source.values.shape[-1])

    def visit(index: Array, values: Array) -> Array:
        row, column = top + quotient(index, across), left + lax.rem(index, across)
        first = [tile * before + source.margin - halo for tile in (row, column)]
        tile = layer(lax.dynamic_slice(source.values, (0, *first, 0), window))
        corner = row * edge, column * edge
        if added is not None:
            place = [start + added.margin for start in corner]
            tile += lax.dynamic_slice(added.values, (0, *place, 0), tile.shape)
        tile = jnp.where(inside((edge, edge), corner, (height, width)), tile, 0)
        return lax.dynamic_update_slice(values, tile, (0, *(c + margin for c in corner), 0))

    if into is not None:
        start = into.values
    else:
        # Zeros out of the source's margin, not a constant: XLA makes the constants of all layers
        # first, and would hold every result's memory from then on.
        start = jnp.broadcast_to(source.values[:, :1, :1, :1], (1, rows, columns, features))
    values = lax.fori_loop(0, across * (bottom - top), visit, start)
    return Canvas(values, (height, width), margin)


def covering(extent: Extent, edge: int) -> Box:
    """Returns the tiles of `edge` pixels that cover a picture."""
    rows, columns = ((0, quotient(size + edge - 1, edge)) for size in extent)
    return rows, columns


def quotient(number: Array | int, divisor: Array | int) -> Array:
    """Returns number // divisor where neither is negative, in as few operations as that takes.

    `//` would be a dozen of them, in every layer, each to be traced and loaded.
    """
    number = jnp.asarray(number)
    if isinstance(divisor, int) and divisor.bit_count() == 1:
        return lax.shift_right_logical(number, jnp.asarray(divisor.bit_length() - 1, number.dtype))
    return lax.div(number, jnp.asarray(divisor, number.dtype))


def inner_convolution(
    kernel: Float[Array, "k k i o"], stride: int = 1, dilation: int = 1
) -> Callable[[Float[Array, "1 h w i"]], Float[Array, "1 H W o"]]:
    """Returns the convolution of x where the kernel lies wholly inside x: H and W are smaller.

    It is XLA's own operation. In tiles Winograd's method saves a tenth of the time at most (layers
    of 64 to 256 channels) and takes seconds to compile.
    """
    return columns(kernel, ((0, 0), (0, 0)), stride, dilation)


def inner_deconvolution(
    kernel: Float[Array, "4 4 o i"],
) -> Callable[[Float[Array, "1 h w i"]], Float[Array, "1 2*h-4 2*w-4 o"]]:
    """Returns the deconvolution of layers.convolution; what one more pixel would change is cut."""
    few = min(kernel.shape[2:]) <= FEW_CHANNELS
    deconvolve = spreading(kernel, 1) if few else lambda x: plain_deconvolution(x, kernel)
    return lambda x: deconvolve(x)[:, 2:-2, 2:-2]


def mirrored(x: Float[Array, "1 H W c"], extent: Extent, multiple: int) -> Float[Array, "1 H W c"]:
    """Mirrors a picture at its lower and right edge until both sides are multiples.

    It does what ops.pad_to_multiple does, for a picture at the top left of x. What it writes
    beyond these multiples has no meaning.
    """
    for axis, size in zip((1, 2), extent, strict=True):
        first = jnp.minimum(size, x.shape[axis] - multiple)
        place = first + jnp.arange(multiple)
        period = jnp.maximum(2 * size - 2, 1)
        beyond = lax.rem(place, jnp.broadcast_to(period, place.shape))
        mirror = jnp.minimum(beyond, period - beyond)
        strip = jnp.take(x, jnp.where(place < size, place, mirror), axis=axis)
        x = lax.dynamic_update_slice_in_dim(x, strip, first, axis)
    return x


def rounded_up(size: Array, multiple: int) -> Array:
    """Returns the smallest multiple that is not below a size."""
    return quotient(size + multiple - 1, multiple) * multiple


def inside(
    shape: tuple[int, ...], corner: tuple[Array | int, Array | int], extent: Extent
) -> Array:
    """Returns where a tile at `corner` covers the picture: bool [1, h, w, 1]."""
    rows, columns = (
        start + jnp.arange(length) < size
        for length, start, size in zip(shape, corner, extent, strict=True)
    )
    return (rows[:, None] & columns[None, :])[None, ..., None]
