"""Searches for each target the source that resembles it most: a part of the compiled programs."""

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Int

from glcic_jax.texture.flat import (
    Level,
    by_chunks,
    part,
    replaced,
    squared_distance,
    take,
    unpacked,
)

JUMPS = (8, 4, 2, 1)
"""Distances, in pixels, over which matches spread: jump flooding (Rong and Tan 2006)."""

FAR = np.int32(2**31 - 1)
"""Squared distance, in units of STEP**2, of what is no source."""

_ROWS = 256
"""Patches that are compared with all others at a time."""

_STEPS = np.array(
    [(s * y, s * x) for s in JUMPS for y, x in ((1, 0), (-1, 0), (0, 1), (0, -1))], np.int32
)

_GOLDEN = np.uint32(0x9E3779B9)


def _cost(level: Level, wanted: Array, candidate: Array) -> Int[Array, "n"]:
    squared = squared_distance(take(level.described, candidate), wanted)
    return jnp.where(take(level.source, candidate), squared, FAR)


def considered(level: Level, wanted: Array, chunk: int, nearest: Array) -> tuple[Array, Array]:
    """Returns matches and their squared distances, FAR where they are no sources.

    Args:
      level: the scale's constants.
      wanted: the descriptions of the targets.
      chunk: as in `by_chunks`.
      nearest: the matches, [t].
    """

    def add(start: Array, costs: Array) -> Array:
        own = part(wanted, start, chunk), part(nearest, start, chunk)
        return replaced(costs, _cost(level, *own), start)

    return nearest, by_chunks(level.counts[0], chunk, add, jnp.full_like(nearest, FAR))


def compare_all(level: Level, wanted: Array) -> Int[Array, "t"]:
    """Finds the nearest source of every target by a matrix product."""
    described = unpacked(level.described)
    sources = level.source[: len(described)]
    own = jnp.where(sources, jnp.sum(described**2, axis=1), jnp.inf)

    def add(start: Array, nearest: Array) -> Array:
        products = unpacked(part(wanted, start, _ROWS)) @ described.T
        found = jnp.argmin(own - 2 * products, axis=1).astype(jnp.int32)
        return replaced(nearest, found, start)

    return by_chunks(level.counts[0], _ROWS, add, jnp.zeros(len(wanted), jnp.int32))


def search(
    level: Level,
    wanted: Array,
    chunk: int,
    found: tuple[Array, Array],
    seeds: Array,
    radii: Array,
    passes: Array,
) -> tuple[Array, Array]:
    """Searches by PatchMatch (Barnes et al. 2009)."""
    last = len(level.described) - 1

    def consider(candidates, found: tuple[Array, Array]) -> tuple[Array, Array]:
        """Takes the candidates that are better than the matches so far, chunk by chunk."""

        def some(start: Array, found: tuple[Array, Array]) -> tuple[Array, Array]:
            nearest, cost = (part(array, start, chunk) for array in found)
            candidate = jnp.clip(candidates(start, nearest, found[0]), 0, last)
            other = _cost(level, part(wanted, start, chunk), candidate)
            better = other < cost
            return (
                replaced(found[0], jnp.where(better, candidate, nearest), start),
                replaced(found[1], jnp.where(better, other, cost), start),
            )

        return by_chunks(level.counts[0], chunk, some, found)

    def spread(found: tuple[Array, Array], jump: Array) -> tuple[tuple[Array, Array], None]:
        offset = jump[0] * level.width + jump[1]

        def candidates(start: Array, nearest: Array, all_nearest: Array) -> Array:
            place = take(level.position, part(level.targets, start, chunk) + offset)
            return jnp.where(place >= 0, take(all_nearest, place) - offset, nearest)

        return consider(candidates, found), None

    def jump_about(found: tuple[Array, Array], at: tuple) -> tuple[tuple[Array, Array], None]:
        seed, radius = at

        def candidates(start: Array, nearest: Array, _) -> Array:
            down, right = _random_offsets(seed, start + jnp.arange(chunk), radius)
            return nearest + down * level.width + right

        return consider(candidates, found), None

    def one(i: Array, found: tuple[Array, Array]) -> tuple[Array, Array]:
        found, _ = lax.scan(spread, found, jnp.asarray(_STEPS))
        return lax.scan(jump_about, found, (seeds + i.astype(jnp.uint32) * _GOLDEN, radii))[0]

    return lax.fori_loop(0, passes, one, found)


def _random_offsets(seed: Array, numbers: Array, radius: Array) -> tuple[Array, Array]:
    """Returns two random numbers in [-radius, radius] for each number.

    It mixes the bits as MurmurHash3 ends (Appleby 2011): jax.random takes longer than to compare
    the patches.
    """
    bits = numbers.astype(jnp.uint32) * _GOLDEN + seed
    bits = (bits ^ bits >> 16) * jnp.uint32(0x85EBCA6B)
    bits = (bits ^ bits >> 13) * jnp.uint32(0xC2B2AE35)
    bits ^= bits >> 16
    edge = (2 * radius + 1).astype(jnp.uint32)
    return tuple(
        (half * edge >> 16).astype(jnp.int32) - radius for half in (bits >> 16, bits & 0xFFFF)
    )
