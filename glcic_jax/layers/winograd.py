"""Convolutions with fewer multiplications: Winograd's minimal filtering, for CPUs.

Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (2016): tiles of the input and
the kernel are transformed so that a convolution becomes one matrix product per position of a tile,
with up to four times fewer multiplications. The transforms are written as matrix products too,
since those are what XLA runs fastest on a CPU; sums of shifted arrays it fuses into slow loops.
"""

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

POINTS = (0, 1, -1, 2, -2)
"""The points at which the transforms' polynomials are evaluated, besides infinity."""

TILES = (4, 2, 1)
"""Edges of output tiles to choose from. A larger tile saves more and rounds worse: the largest
error of a layer is some 1e-4 of its output's spread with 4, and 2e-5 with 2. A tile of 1 saves
nothing."""

KERNEL_COST = 128
"""The cost of transforming a kernel, in tiles."""

Tiles = Float[Array, "n n b tiles d tiles d c"]
"""For each position in a tile, all tiles of the d * d grids into which dilation d splits x."""


@cache
def matrices(tile: int, taps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns B', G and A' of F(tile, taps): A' ((G g) * (B' d)) is the correlation of d with g.

    They follow from the theorem of Cook and Toom. For a tile of 1 they are trivial: n products are
    added.

    Args:
      tile: outputs of a tile.
      taps: of the kernel g.

    Returns:
      Arrays of shapes [n, n], [n, taps] and [tile, n], where n = tile + taps - 1.
    """
    if tile == 1:
        return np.eye(taps), np.eye(taps), np.ones((1, taps))
    points = np.array(POINTS[: tile + taps - 2], float)
    others = [np.delete(points, index) for index in range(len(points))]
    to_input = [*(np.append(np.poly(roots)[::-1], 0.0) for roots in others), np.poly(points)[::-1]]
    scale = [np.prod(point - roots) for point, roots in zip(points, others, strict=True)]
    to_kernel = np.vander(points, taps, increasing=True) / np.array(scale)[:, None]
    to_output = np.vander(points, tile, increasing=True)
    return (
        np.array(to_input),
        np.vstack([to_kernel, np.eye(taps)[-1]]),
        np.vstack([to_output, np.eye(tile)[-1]]).T,
    )


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def winograd(
    x: Float[Array, "b h w i"],
    kernel: Float[Array, "k k i o"],
    padding: tuple[int, int],
    dilation: int = 1,
) -> Float[Array, "b H W o"]:
    """Convolves with stride 1 and a kernel of 2 or 3 taps; outside of x there are zeros.

    Args:
      x: float32; h and w must be multiples of `dilation`.
      kernel: float32.
      padding: zeros before and after x in both dimensions, in units of `dilation` pixels.
      dilation: distance of the kernel's taps in pixels.

    Returns:
      H = h + (padding[0] + padding[1] - k + 1) * dilation, and W likewise.
    """
    tile, counts, height, width = _geometry(x, kernel, padding, dilation)
    to_input, to_kernel, to_output = matrices(tile, len(kernel))
    tiles = _apply(to_input, _cut(x, padding[0], tile, len(kernel), counts, dilation))
    products = _rows(tiles) @ _rows(_apply(to_kernel, kernel))
    output = _apply(to_output, products.reshape(*tiles.shape[:-1], -1))
    return _paste(output)[:, :height, :width]


def _forward(x: Array, kernel: Array, padding: tuple[int, int], dilation: int):
    return winograd(x, kernel, padding, dilation), (x, kernel)


def _backward(
    padding: tuple[int, int], dilation: int, residuals: tuple[Array, Array], cotangent: Array
) -> tuple[Array, Array]:
    x, kernel = residuals
    taps = len(kernel)
    flipped = kernel[::-1, ::-1].transpose(0, 1, 3, 2)
    rest = (taps - 1 - padding[0], taps - 1 - padding[1])
    return (
        winograd(cotangent, flipped, rest, dilation),
        _kernel_gradient(x, kernel, cotangent, padding, dilation),
    )


winograd.defvjp(_forward, _backward)


def _kernel_gradient(
    x: Array, kernel: Array, cotangent: Array, padding: tuple[int, int], dilation: int
) -> Array:
    """Returns the gradient in the kernel: products of the transformed tiles of x and cotangent."""
    tile, counts, *_ = _geometry(x, kernel, padding, dilation)
    to_input, to_kernel, to_output = matrices(tile, len(kernel))
    of_x = _apply(to_input, _cut(x, padding[0], tile, len(kernel), counts, dilation))
    of_y = _apply(to_output.T, _cut(cotangent, 0, tile, 1, counts, dilation))
    products = jnp.einsum("pti,pto->pio", _rows(of_x), _rows(of_y))
    return _apply(to_kernel.T, products.reshape(*of_x.shape[:2], *kernel.shape[2:]))


def _geometry(
    x: Array, kernel: Array, padding: tuple[int, int], dilation: int
) -> tuple[int, tuple[int, int], int, int]:
    """Returns the tile's edge, the numbers of tiles down and across, and the output's size.

    Of all tiles it takes the one that needs the fewest multiplications.
    """
    grown = sum(padding) - len(kernel) + 1
    height, width = (size // dilation + grown for size in x.shape[1:3])

    def cost(tile: int) -> int:
        tiles = len(x) * dilation**2 * -(-height // tile) * -(-width // tile)
        return (tiles + KERNEL_COST) * (tile + len(kernel) - 1) ** 2

    tile = min(TILES, key=cost)
    return tile, (-(-height // tile), -(-width // tile)), height * dilation, width * dilation


def _cut(
    x: Array, before: int, tile: int, taps: int, counts: tuple[int, int], dilation: int
) -> Tiles:
    """Cuts tiles of tile + taps - 1 pixels, `tile` apart, the first `before` pixels before x."""
    # Pad x, and split it into blocks of `tile` pixels.
    more = -(-(taps - 1) // tile)  # blocks that a tile reaches into beyond its own
    blocks = [count + more for count in counts]
    pads = [
        (before * dilation, (count * tile - before) * dilation - size)
        for count, size in zip(blocks, x.shape[1:3], strict=True)
    ]
    x = jnp.pad(x, ((0, 0), *pads, (0, 0)))
    x = x.reshape(len(x), blocks[0], tile, dilation, blocks[1], tile, dilation, -1)
    x = x.transpose(2, 5, 0, 1, 3, 4, 6, 7)
    # A tile is a whole block and parts of the blocks behind it.
    for axis, count in enumerate(counts):
        reached = [
            lax.slice_in_dim(x, 0, min(tile, taps - 1 + tile * (1 - block)), axis=axis)
            for block in range(more + 1)
        ]
        pieces = [
            lax.slice_in_dim(piece, block, block + count, axis=3 + 2 * axis)
            for block, piece in enumerate(reached)
        ]
        x = jnp.concatenate(pieces, axis=axis)
    return x


def _paste(tiles: Tiles) -> Float[Array, "b H W c"]:
    """Puts tiles side by side again."""
    rows, columns, batch, high, dilation, wide, _, channels = tiles.shape
    size = (batch, high * rows * dilation, wide * columns * dilation, channels)
    return tiles.transpose(2, 3, 0, 4, 5, 1, 6, 7).reshape(size)


def _apply(matrix: np.ndarray, tiles: Float[Array, "p p ..."]) -> Float[Array, "q q ..."]:
    """Returns M t M' for every tile t of p x p numbers, where M is the matrix [q, p]."""
    if np.array_equal(matrix, np.eye(len(matrix))):
        return tiles
    both = jnp.asarray(np.kron(matrix, matrix), tiles.dtype)
    flat = tiles.reshape(both.shape[1], -1)
    return (both @ flat).reshape(len(matrix), len(matrix), *tiles.shape[2:])


def _rows(tiles: Float[Array, "n n ... c"]) -> Float[Array, "n*n t c"]:
    """Returns, for each position in a tile, one row of channels for each tile."""
    return tiles.reshape(tiles.shape[0] * tiles.shape[1], -1, tiles.shape[-1])
